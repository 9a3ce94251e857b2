/** The log: written with pino as one line of text for people, with the priority in the form that its reader expects. */
import { pino } from 'pino';
import { sendDatagram } from './addon.ts';
import type { Log, LogTarget } from './log.ts';
import { printable } from './printable.ts';

/** Priorities of sd-daemon(3) and syslog(3): a smaller number is more severe. */
const PRIORITIES: Readonly<Record<number, number>> = { 20: 7, 30: 6, 40: 4, 50: 3 };
const NAMES: Readonly<Record<number, string>> = { 20: 'debug', 30: '', 40: 'warning', 50: 'error' };
/** LOG_DAEMON << 3 */
const FACILITY = 24;

interface Line {
  readonly level: number;
  readonly time: number;
  readonly msg: string;
}

/** `debug`: log lines of the level debug too. */
export function openLog(target: LogTarget, { debug }: { readonly debug: boolean }): Log {
  // The reader of standard error may be gone; that must not end the daemon.
  process.stderr.on('error', () => undefined);
  const write = WRITERS[target];
  const logger = pino(
    { level: debug ? 'debug' : 'info', base: null },
    { write: (json: string) => write(asLine(json)) },
  );
  return {
    debug: (text, fields = {}) => logger.debug(fields, text),
    info: (text, fields = {}) => logger.info(fields, text),
    warn: (text, fields = {}) => logger.warn(fields, text),
    error: (text, fields = {}) => logger.error(fields, text),
  };
}

function asLine(json: string): Line {
  const line = JSON.parse(json) as Line;
  return { ...line, msg: printable(line.msg) };
}

const WRITERS: Readonly<Record<LogTarget, (line: Line) => void>> = {
  null: () => undefined,
  stderr({ level, time, msg }) {
    const name = NAMES[level];
    process.stderr.write(`${new Date(time).toISOString().slice(11, 23)} ${name ? `${name}: ` : ''}${msg}\n`);
  },
  journal({ level, msg }) {
    process.stderr.write(`<${PRIORITIES[level] ?? 6}>${msg}\n`);
  },
  syslog({ level, msg }) {
    const text = `<${FACILITY | (PRIORITIES[level] ?? 6)}>multihomed[${process.pid}]: ${msg}`;
    try {
      sendDatagram('/dev/log', Buffer.from(text));
    } catch {
      // When there is no syslog daemon or its queue is full, losing a line is better than waiting.
    }
  },
};
