/** The hook runner's side of its connection to the daemon. */
import type { Socket } from 'node:net';
import type { Log } from '../system/log.ts';
import { encode, isToRunner, MAX_RUNS, readMessages, type FromRunner, type ToRunner } from './protocol.ts';
import type { HookRunner } from './runner.ts';

export interface Session {
  /** Resolves when no hook runs and the connection is closed. */
  readonly ended: Promise<void>;
  /** Ends the hooks early. */
  readonly stop: () => Promise<void>;
}

/**
 * Runs the hooks that the daemon asks for, until it says stop or closes the connection. If it closes the connection
 * without a stop, it was killed; its runs then continue to their end, because its journal says that they were made.
 * @param fallback logs what the daemon can no longer log
 */
export function serveDaemon(
  socket: Socket,
  fallback: (text: string) => void,
  makeRunner: (log: Log) => HookRunner,
): Session {
  const send = (message: FromRunner): void => {
    if (socket.writable) socket.write(encode(message));
    else if ('log' in message) fallback(message.text);
  };
  const runner = makeRunner(logTo(send));
  const running = new Set<Promise<void>>();
  const run = async (message: Extract<ToRunner, { run: number }>): Promise<void> => {
    try {
      send({ run: message.run, reports: await runner.run(message.request) });
    } catch (error) {
      send({ run: message.run, error: error instanceof Error ? error.message : String(error) });
    }
  };
  const stop = async (): Promise<void> => {
    await runner.stop();
    await Promise.all(running);
    socket.end();
  };
  const refuse = (why: string): void => {
    fallback(`the daemon's connection is closed: ${why}`);
    socket.destroy();
  };
  const take = (message: unknown): void => {
    if (!isToRunner(message)) return refuse('it sent a message that is not valid');
    if ('stop' in message) return void stop();
    if (running.size >= MAX_RUNS) return refuse(`it asked for more than ${MAX_RUNS} runs at a time`);
    const each = run(message).finally(() => running.delete(each));
    running.add(each);
  };
  const ended = new Promise<void>((resolve) => {
    const finish = async (): Promise<void> => {
      await Promise.all(running);
      socket.end();
      resolve();
    };
    socket.once('end', () => void finish());
    // Without this listener an error would end the process, and with it the order and time-out of hooks.
    socket.on('error', () => socket.destroy());
    socket.once('close', () => void finish());
  });
  socket.resume();
  readMessages(socket, take, () => refuse('it sent a line that is not JSON, or is too long'));
  return { ended, stop };
}

function logTo(send: (message: FromRunner) => void): Log {
  const at =
    (level: keyof Log) =>
    (text: string, fields?: object): void =>
      send({ log: level, text, ...(fields === undefined ? {} : { fields }) });
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
