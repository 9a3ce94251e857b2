/** A hook runner in another process, which is started for the first hook and ended when it is idle. */
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../system/log.ts';
import { listHooks } from './discover.ts';
import { encode, readMessages, type FromRunner, type ToRunner } from './protocol.ts';
import type { HookReport, HookRequest, HookRunner } from './runner.ts';
import type { RunnerConnection } from './spawn-runner.ts';

/** Milliseconds without a hook after which the runner is ended. */
const IDLE_MS = 30_000;
/** Milliseconds that the runner may take to end all hooks when the daemon stops. */
const STOP_LIMIT_MS = 3_000;

/** The runner ended before the hooks did. */
class RunnerGoneError extends Error {
  override readonly name = 'RunnerGoneError';
}

interface Open {
  readonly socket: Socket;
  /** Resolves when all that the runner sent has been read, and every run has an answer. */
  readonly closed: Promise<void>;
}

interface Waiting {
  readonly resolve: (reports: readonly HookReport[]) => void;
  readonly reject: (error: Error) => void;
}

/** `connect` starts the runner, or connects to it. */
export function remoteRunner(
  log: Log,
  connect: () => RunnerConnection,
  { idleMs = IDLE_MS } = {},
): HookRunner {
  return new RemoteRunner(log, connect, idleMs);
}

class RemoteRunner implements HookRunner {
  readonly #log: Log;
  readonly #connect: () => RunnerConnection;
  readonly #idleMs: number;
  readonly #waiting = new Map<number, Waiting>();
  #connection: Open | null = null;
  #idle: NodeJS.Timeout | undefined;
  #runs = 0;
  #stopped = false;

  constructor(log: Log, connect: () => RunnerConnection, idleMs: number) {
    [this.#log, this.#connect, this.#idleMs] = [log, connect, idleMs];
  }

  run(request: HookRequest): Promise<readonly HookReport[]> {
    if (this.#stopped || isEmpty(request.folders)) return Promise.resolve([]);
    clearTimeout(this.#idle);
    const id = ++this.#runs;
    return new Promise((resolve, reject) => {
      this.#connection ??= this.#open();
      this.#waiting.set(id, { resolve, reject });
      this.#send({ run: id, request });
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#idle);
    const connection = this.#connection;
    if (connection === null) return;
    this.#send({ stop: true });
    const over = new AbortController();
    const limit = sleep(STOP_LIMIT_MS, null, { signal: over.signal }).catch(() => null);
    await Promise.race([connection.closed, limit]);
    over.abort();
    connection.socket.destroy();
    this.#lose(connection.socket, 'did not end its hooks in time');
  }

  #send(message: ToRunner): void {
    const socket = this.#connection?.socket;
    if (socket?.writable) socket.write(encode(message));
  }

  #open(): Open {
    const { socket, ended } = this.#connect();
    // The end of the runner follows, and says why.
    socket.on('error', () => socket.destroy());
    readMessages(
      socket,
      (message) => this.#take(message as FromRunner),
      () => socket.destroy(),
    );
    const drained = new Promise((resolve) => socket.once('end', resolve).once('close', resolve));
    const closed = Promise.all([ended, drained]).then(([how]) => {
      socket.destroy();
      this.#lose(socket, how);
    });
    return { socket, closed };
  }

  #take(message: FromRunner): void {
    if ('log' in message) return this.#log[message.log](message.text, message.fields);
    const waiting = this.#waiting.get(message.run);
    this.#waiting.delete(message.run);
    if ('error' in message) waiting?.reject(new RunnerGoneError(message.error));
    else waiting?.resolve(message.reports);
    if (this.#waiting.size === 0 && !this.#stopped)
      this.#idle = setTimeout(() => this.#release(), this.#idleMs).unref();
  }

  /** The runner ends when its connection does. The next hook starts another one. */
  #release(): void {
    this.#connection?.socket.end();
    this.#connection = null;
  }

  #lose(socket: Socket, how: string): void {
    if (this.#connection?.socket !== socket) return;
    this.#connection = null;
    clearTimeout(this.#idle);
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const each of waiting) each.reject(new RunnerGoneError(`the hook runner ${how}`));
  }
}

/**
 * Without this, a host without hooks would start a process at each change. The runner itself reports refused folders.
 */
function isEmpty(folders: readonly string[]): boolean {
  const { paths, refusals } = listHooks(folders);
  return paths.length === 0 && refusals.length === 0;
}
