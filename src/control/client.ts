/** Asks the daemon of this namespace. */
import { createConnection } from 'node:net';

const PATIENCE = 15_000;
const LONGEST_ANSWER = 64 << 20;

/** The daemon answered that it cannot or may not. */
export class ControlError extends Error {
  override readonly name = 'ControlError';
}

/** @returns undefined where no daemon listens @throws ControlError */
export function ask(
  path: string,
  request: { readonly ask: string; readonly [key: string]: string },
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const client = createConnection(path);
    let text = '';
    client.setEncoding('utf8');
    client.setTimeout(PATIENCE, () => client.destroy(new ControlError('the daemon does not answer')));
    client.on('error', (error: NodeJS.ErrnoException) => {
      if (isAlone(error)) resolve(undefined);
      else reject(asControlError(error));
    });
    client.on('connect', () => client.write(`${JSON.stringify(request)}\n`));
    client.on('data', (chunk: string) => {
      text += chunk;
      if (text.length > LONGEST_ANSWER) client.destroy(new ControlError('the answer is too long'));
      if (!text.includes('\n')) return;
      client.end();
      const { answer, error } = JSON.parse(text) as { answer?: unknown; error?: string };
      if (error === undefined) resolve(answer ?? null);
      else reject(new ControlError(error));
    });
    client.on('close', () => reject(new ControlError('the daemon closed the connection without an answer')));
  });
}

/** Nobody listens. A reset while connecting comes of a daemon that ended before it took us: it knows of no request. */
function isAlone({ code, syscall }: NodeJS.ErrnoException): boolean {
  return code === 'ENOENT' || code === 'ECONNREFUSED' || (code === 'ECONNRESET' && syscall === 'connect');
}

function asControlError(error: NodeJS.ErrnoException): Error {
  if (error instanceof ControlError) return error;
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
        const { answer, error } = JSON.parse(line) as { answer?: unknown; error?: string };
        if (error === undefined) onDocument(answer);
        else client.destroy(new ControlError(error));
      }
    });
  });
}
