/** Asks the daemon of this namespace. */
import { createConnection, type Socket } from 'node:net';
import { peerCredentials } from '../system/addon.ts';
import { forbiddenFamily } from '../system/system-error.ts';
import { ControlError, SilentError } from './error.ts';
import type { RefusalCode } from './refusal.ts';

/** For a change, in milliseconds. */
const PATIENCE = 15_000;
/** For a question that the kernel can answer too. */
const QUESTION_PATIENCE_MS = 2_000;
const LONGEST_ANSWER = 64 << 20;

interface Answer {
  readonly answer?: unknown;
  readonly error?: string;
  readonly code?: RefusalCode;
}

interface ControlRequest {
  readonly ask: string;
  readonly [key: string]: string;
}

/** What a daemon says, or why it is not asked: none listens, or it does not answer. */
export type Answered<Answer> =
  | { readonly answer: Answer; readonly silent?: undefined }
  | { readonly answer: null; readonly silent: { readonly pid: number | null } | null };

/** A question that can be answered without the daemon. @throws ControlError where it refuses */
export async function askOrNot<Answer>(path: string, request: ControlRequest): Promise<Answered<Answer>> {
  try {
    const answer = await ask(path, request, QUESTION_PATIENCE_MS);
    return answer === undefined ? { answer: null, silent: null } : { answer: answer as Answer };
  } catch (error) {
    if (error instanceof SilentError) return { answer: null, silent: { pid: error.pid } };
    throw error;
  }
}

/** `patience`: milliseconds of silence. @returns undefined where no daemon listens @throws ControlError */
export function ask(path: string, request: ControlRequest, patience = PATIENCE): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const client = createConnection(path);
    let text = '';
    client.setEncoding('utf8');
    client.setTimeout(patience, () => client.destroy(new SilentError(listenerOf(client))));
    client.on('error', (error: NodeJS.ErrnoException) => {
      if (isAlone(error)) resolve(undefined);
      // The queue of those who want to be accepted is full.
      else reject(error.code === 'EAGAIN' ? new SilentError(null) : asControlError(error));
    });
    client.on('connect', () => client.write(`${JSON.stringify(request)}\n`));
    client.on('data', (chunk: string) => {
      text += chunk;
      if (text.length > LONGEST_ANSWER) client.destroy(new ControlError('the answer is too long'));
      if (!text.includes('\n')) return;
      client.end();
      const { answer, error, code } = JSON.parse(text) as Answer;
      if (error === undefined) resolve(answer ?? null);
      else reject(new ControlError(error, code ?? 'internal'));
    });
    client.on('close', () => reject(new ControlError('the daemon closed the connection without an answer')));
  });
}

/** Of the process that listens, by SO_PEERCRED; null before it is connected and in another pid namespace. */
function listenerOf(client: Socket): number | null {
  const handle = (client as unknown as { _handle?: { fd?: number } })._handle;
  if (typeof handle?.fd !== 'number' || handle.fd < 0 || client.connecting) return null;
  return peerCredentials(handle.fd).pid || null;
}

/** Nobody listens. A reset while connecting comes of a daemon that ended before it took us: it knows of no request. */
function isAlone({ code, syscall }: NodeJS.ErrnoException): boolean {
  return code === 'ENOENT' || code === 'ECONNREFUSED' || (code === 'ECONNRESET' && syscall === 'connect');
}

function asControlError(error: NodeJS.ErrnoException): Error {
  if (error instanceof ControlError || forbiddenFamily(error) !== null) return error;
  return new ControlError(
    `the daemon let us go without an answer (${error.code ?? error.message}): try again`,
  );
}

export interface Watch {
  close(): void;
}

/**
 * Asks for a document now and one after each change. `onEnd` is called once: the daemon ended, or let us go.
 * @returns undefined where no daemon listens
 */
export function watch(
  path: string,
  onDocument: (document: unknown) => void,
  onEnd: (error: Error | null) => void,
): Promise<Watch | undefined> {
  return new Promise((resolve, reject) => {
    const client = createConnection(path);
    let text = '';
    let failure: Error | null = null;
    client.setEncoding('utf8');
    client.on('error', (error: NodeJS.ErrnoException) => {
      // A connection that breaks is one that ended.
      failure = error instanceof ControlError ? error : null;
      if (isAlone(error)) resolve(undefined);
      else reject(asControlError(error));
    });
    client.on('connect', () => {
      client.write('{"ask":"watch"}\n');
      resolve({ close: () => client.destroy() });
      client.on('close', () => onEnd(failure));
    });
    client.setTimeout(PATIENCE, () => client.destroy(new ControlError('the daemon does not answer')));
    client.on('data', (chunk: string) => {
      // The first answer comes at once; changes may take for ever.
      client.setTimeout(0);
      const lines = (text + chunk).split('\n');
      text = lines.pop() ?? '';
      if (text.length > LONGEST_ANSWER) client.destroy(new ControlError('the answer is too long'));
      for (const line of lines) {
        const { answer, error, code } = JSON.parse(line) as Answer;
        if (error === undefined) onDocument(answer);
        else client.destroy(new ControlError(error, code ?? 'internal'));
      }
    });
  });
}
