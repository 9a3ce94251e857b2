/** Client of the control socket: sends requests to the daemon of this namespace. */
import { createConnection, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { peerOf } from '../system/peer.ts';
import { forbiddenFamily } from '../system/system-error.ts';
import { isUnmapped, unmappedUser } from '../system/user-namespace.ts';
import { ControlError, SilentError } from './error.ts';
import type { RequestErrorCode } from './request-error.ts';

/** Milliseconds to wait for the answer to a change. */
const TIMEOUT_MS = 15_000;
/** Milliseconds to wait for the answer to a request that can also be answered from the kernel. */
const QUESTION_TIMEOUT_MS = 2_000;
/** Milliseconds for which a client without a place retries; MIN_HOLD_MS in places.ts is shorter. */
const BUSY_RETRY_MS = 1_000;
const BUSY_PAUSE_MS = 25;
/** Characters of one answer. */
const MAX_ANSWER = 64 << 20;

interface Answer {
  readonly answer?: unknown;
  readonly error?: string;
  readonly code?: RequestErrorCode;
}

interface ControlRequest {
  readonly ask: string;
  readonly [key: string]: string;
}

/** The daemon's answer, or why there is none: no daemon listens, or it does not answer. */
export type Answered<Answer> =
  | { readonly answer: Answer; readonly silent?: undefined }
  | { readonly answer: null; readonly silent: { readonly pid: number | null } | null };

/**
 * Sends a question that can be answered without the daemon.
 * @throws ControlError the daemon refused the request
 */
export async function askOrNot<Answer>(path: string, request: ControlRequest): Promise<Answered<Answer>> {
  try {
    const answer = await ask(path, request, QUESTION_TIMEOUT_MS);
    return answer === undefined ? { answer: null, silent: null } : { answer: answer as Answer };
  } catch (error) {
    if (error instanceof SilentError) return { answer: null, silent: { pid: error.pid } };
    throw error;
  }
}

/**
 * Sends a request. `timeout`: milliseconds of silence until it fails.
 * @returns undefined: no daemon listens
 * @throws ControlError; SilentError if the daemon does not answer
 */
export async function ask(path: string, request: ControlRequest, timeout = TIMEOUT_MS): Promise<unknown> {
  const until = performance.now() + BUSY_RETRY_MS;
  for (;;) {
    try {
      return await askOnce(path, request, timeout);
    } catch (error) {
      if (!isBusy(error) || performance.now() >= until) throw error;
      await sleep(BUSY_PAUSE_MS);
    }
  }
}

function askOnce(path: string, request: ControlRequest, timeout: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const client = createConnection(path);
    let text = '';
    client.setEncoding('utf8');
    client.setTimeout(timeout, () =>
      client.destroy(new SilentError(client.connecting ? null : (peerOf(client)?.pid ?? 0) || null)),
    );
    client.on('error', (error: NodeJS.ErrnoException) => {
      if (hasNoDaemon(error)) resolve(undefined);
      else reject(asControlError(error));
    });
    client.on('connect', () => {
      const untrusted = untrustedPeer(client, path);
      if (untrusted) client.destroy(untrusted);
      else client.write(`${JSON.stringify(request)}\n`);
    });
    client.on('data', (chunk: string) => {
      text += chunk;
      if (text.length > MAX_ANSWER) client.destroy(new ControlError('the answer is too long'));
      const end = text.indexOf('\n');
      if (end === -1) return;
      // A daemon that needs the place says so to a client that it has answered.
      client.removeAllListeners('data').resume().end();
      const { answer, error, code } = JSON.parse(text.slice(0, end)) as Answer;
      if (error === undefined) resolve(answer ?? null);
      else reject(new ControlError(error, code ?? 'internal'));
    });
    client.on('close', () => reject(new ControlError('the daemon closed the connection without an answer')));
  });
}

/**
 * No daemon listens. A reset while connecting comes from a daemon that ended before it accepted the
 * connection, so it knows of no request.
 */
function hasNoDaemon({ code, syscall }: NodeJS.ErrnoException): boolean {
  return code === 'ENOENT' || code === 'ECONNREFUSED' || (code === 'ECONNRESET' && syscall === 'connect');
}

/**
 * The daemon has no place for this client now, and has not seen the request. EAGAIN: its connection queue is full.
 * EPIPE: it closed the connection before the request was sent.
 */
function isBusy(error: unknown): boolean {
  if (!(error instanceof ControlError)) return false;
  const { code } = (error.cause ?? {}) as NodeJS.ErrnoException;
  return error.code === 'busy' || code === 'EAGAIN' || code === 'EPIPE';
}

function asControlError(error: NodeJS.ErrnoException): Error {
  if (error instanceof ControlError || forbiddenFamily(error) !== null) return error;
  if (error.code === 'EAGAIN') return new SilentError(null, error);
  return new ControlError(
    `the daemon closed the connection without an answer (${error.code ?? error.message}); try again`,
    'unanswered',
    error,
  );
}

/** The daemon's user is not mapped in this user namespace: its socket may be that of any other user's program. */
function untrustedPeer(client: Socket, path: string): ControlError | null {
  const uid = peerOf(client)?.uid;
  if (uid === undefined || !isUnmapped(uid)) return null;
  return new ControlError(
    `${path}: not trusted, because it belongs to ${unmappedUser(uid)}; run this command outside of the user namespace`,
    'untrusted',
  );
}

export interface Watch {
  close(): void;
}

/**
 * Requests a document now and one after each change. `onEnd` is called once, when the
 * daemon ends or closes the connection.
 * @returns undefined: no daemon listens
 * @throws ControlError if the first connection fails
 */
export function watch(
  path: string,
  onDocument: (document: unknown) => void,
  onEnd: (error: Error | null) => void,
): Promise<Watch | undefined> {
  return new Promise((resolve, reject) => {
    const until = performance.now() + BUSY_RETRY_MS;
    let client: Socket;
    let pause: NodeJS.Timeout | undefined;
    let closed = false;
    const close = (): void => {
      closed = true;
      clearTimeout(pause);
      client.destroy();
    };
    /** Set after the first connection; from then on `onEnd` reports the end to the caller. */
    let begun = false;
    const end = (failure: Error | null): void => {
      if (begun) onEnd(failure);
      else if (failure) reject(failure);
      else resolve(undefined);
    };
    const open = (): void => {
      let failure: Error | null = null;
      client = watchOnce(path, {
        onBegin: () => {
          begun = true;
          resolve({ close });
        },
        onDocument,
        onFailure: (error) => (failure = error),
      });
      client.on('close', () => {
        if (!closed && isBusy(failure) && performance.now() < until) pause = setTimeout(open, BUSY_PAUSE_MS);
        // A broken connection counts as ended.
        else end(begun && failure instanceof ControlError && failure.cause !== undefined ? null : failure);
      });
    };
    open();
  });
}

interface WatchEvents {
  readonly onBegin: () => void;
  readonly onDocument: (document: unknown) => void;
  /** Not called if no daemon listens. */
  readonly onFailure: (error: Error) => void;
}

function watchOnce(path: string, { onBegin, onDocument, onFailure }: WatchEvents): Socket {
  const client = createConnection(path);
  let text = '';
  client.setEncoding('utf8');
  client.on('error', (error: NodeJS.ErrnoException) => {
    if (!hasNoDaemon(error)) onFailure(asControlError(error));
  });
  client.on('connect', () => {
    const untrusted = untrustedPeer(client, path);
    if (untrusted) return void client.destroy(untrusted);
    client.write('{"ask":"watch"}\n');
    onBegin();
  });
  client.setTimeout(TIMEOUT_MS, () => client.destroy(new ControlError('the daemon does not answer')));
  client.on('data', (chunk: string) => {
    // The first answer comes at once; later ones may take any time.
    client.setTimeout(0);
    const lines = (text + chunk).split('\n');
    text = lines.pop() ?? '';
    if (text.length > MAX_ANSWER) client.destroy(new ControlError('the answer is too long'));
    for (const line of lines) {
      const { answer, error, code } = JSON.parse(line) as Answer;
      if (error === undefined) onDocument(answer);
      else client.destroy(new ControlError(error, code ?? 'internal'));
    }
  });
  return client;
}
