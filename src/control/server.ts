/**
 * The control socket: one JSON document a line in both directions. Whoever connects may read; root and the daemon's own
 * user may change. A client that is slow, silent, flooding or half gone costs a bounded buffer and is let go.
 */
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { peerCredentials } from '../system/addon.ts';
import type { Log } from '../system/log.ts';
import { DOCUMENT_VERSION } from './document.ts';

const LONGEST_REQUEST = 4096;
const MOST_CLIENTS = 64;
const SILENCE = 10_000;
const MOST_WAITING = 4 << 20;

/** `change`: for root alone. */
export interface Verb {
  readonly change: boolean;
  /** A value for JSON; what it throws is told to the client as its error. */
  readonly answer: (request: { readonly [key: string]: unknown }) => unknown;
}

export interface ControlServer {
  close(): Promise<void>;
}

export async function serve(
  path: string,
  verbs: Readonly<Record<string, Verb>>,
  log: Log,
): Promise<ControlServer> {
  const clients = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (client) => {
    if (clients.size >= MOST_CLIENTS) return void client.destroy();
    clients.add(client);
    client.on('close', () => clients.delete(client));
    attend(client, verbs);
  });
  // The lock is held, so whatever socket is there was left by a daemon that is gone.
  rmSync(path, { force: true });
  await listening(server, path);
  chmodSync(path, 0o666);
  server.on('error', (error) => log.warn(`control socket: ${error.message}`));
  return {
    close: () =>
      new Promise((resolve) => {
        for (const client of clients) client.destroy();
        server.close(() => resolve());
      }),
  };
}

function listening(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.removeListener('error', reject);
      resolve();
    });
  });
}

function attend(client: Socket, verbs: Readonly<Record<string, Verb>>): void {
  const may = mayChange(client);
  let text = '';
  client.setEncoding('utf8');
  client.setTimeout(SILENCE, () => client.destroy());
  client.on('error', () => client.destroy());
  client.on('end', () => client.end());
  client.on('data', (chunk: string) => {
    text += chunk;
    const lines = text.split('\n');
    text = lines.pop() ?? '';
    if (text.length > LONGEST_REQUEST || client.writableLength > MOST_WAITING) return void client.destroy();
    for (const line of lines) {
      respond(line, verbs, may).then(
        (answer) => client.writable && client.write(`${JSON.stringify(answer)}\n`),
        () => client.destroy(),
      );
    }
  });
}

async function respond(
  line: string,
  verbs: Readonly<Record<string, Verb>>,
  may: boolean,
): Promise<{ version: number; answer?: unknown; error?: string }> {
  const version = DOCUMENT_VERSION;
  const request = parse(line);
  if (!request) return { version, error: 'a request is one JSON object on one line: {"ask":"status"}' };
  const name = String(request['ask']);
  const verb = Object.hasOwn(verbs, name) ? verbs[name] : undefined;
  if (!verb) return { version, error: `unknown request; known are ${Object.keys(verbs).join(', ')}` };
  if (verb.change && !may) return { version, error: 'only root may change anything' };
  try {
    return { version, answer: await verb.answer(request) };
  } catch (error) {
    return { version, error: error instanceof Error ? error.message : String(error) };
  }
}

function parse(line: string): { readonly [key: string]: unknown } | null {
  if (line.length > LONGEST_REQUEST) return null;
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as { [key: string]: unknown }) : null;
  } catch {
    return null;
  }
}

/** SO_PEERCRED is of the moment of connecting, and cannot be claimed. */
function mayChange(client: Socket): boolean {
  const handle = (client as unknown as { _handle?: { fd?: number } })._handle;
  if (typeof handle?.fd !== 'number' || handle.fd < 0) return false;
  const { uid } = peerCredentials(handle.fd);
  return uid === 0 || uid === process.geteuid?.();
}
