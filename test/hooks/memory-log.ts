/** A log in memory: `level text`, one line each. */
import type { Log } from '../../src/system/log.ts';

/** Returns the log, and its lines, to which each message is added. */
export function memoryLog(): { log: Log; lines: string[] } {
  const lines: string[] = [];
  const at = (level: string) => (text: string) => void lines.push(`${level} ${text}`);
  return { lines, log: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') } };
}
