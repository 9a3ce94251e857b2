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
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') resolve(undefined);
      else reject(error);
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
