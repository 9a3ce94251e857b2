/**
 * The control socket: one JSON document per line in both directions. Every user may connect and read; only root and
 * the daemon's own user may change anything. A client that is slow, silent, floods requests or closes half of its
 * connection costs a bounded buffer and is disconnected.
 */
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import type { Log } from '../system/log.ts';
import { peerOf } from '../system/peer.ts';
import { asRuntimeUser } from '../system/runtime-user.ts';
import { isOwnUser, isRootUser } from '../system/user-namespace.ts';
import { DOCUMENT_VERSION } from './document.ts';
import { Owners } from './owner.ts';
import { admit, mayWatch, type Place } from './places.ts';
import { RequestError, type RequestErrorCode } from './request-error.ts';

/** Characters of one request. */
const MAX_REQUEST = 4096;
/** Milliseconds after which a silent client is disconnected. */
const SILENCE_MS = 10_000;
/** Characters of unanswered requests from one client; more than one read brings. */
const MAX_WAITING = 256 << 10;
/** Bytes that a watcher may leave unread. */
const MAX_UNREAD = 1 << 20;

interface Request {
  readonly [key: string]: unknown;
}

interface Client extends Place {
  readonly socket: Socket;
  readonly mayChange: boolean;
  watches: boolean;
}

/** `change`: only for root and the daemon's own user. */
export interface Verb {
  readonly change: boolean;
  /** @returns a value for JSON. An error that it throws becomes the answer to the client. */
  readonly answer: (request: Request) => unknown;
  /** The client stays connected: it gets the answer, which must not be a promise, and then what is published. */
  readonly watch?: boolean;
}

export interface ControlServer {
  /** Sends a document to all watchers unless it equals the last one. `document` is called only for a watcher. */
  publish(document: () => object): void;
  /** Listens again if the socket's file is gone; connected clients stay. */
  listenAgain(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens the socket. The daemon must hold the lock of the runtime folder. `path`: of the socket.
 * @throws the error of node:net or node:fs
 */
export async function serve(
  path: string,
  verbs: Readonly<Record<string, Verb>>,
  log: Log,
): Promise<ControlServer> {
  const clients = new Set<Client>();
  const owners = new Owners();
  let published = '';
  const accept = (socket: Socket): void => {
    const uid = peerOf(socket)?.uid;
    if (uid === undefined) return void socket.destroy();
    const changes = mayChange(uid);
    const owner = changes ? null : owners.of(uid);
    const since = performance.now();
    const admission = admit(clients, owner, since);
    if (!admission.enter) return rejectBusy(socket);
    const client: Client = { socket, owner, since, mayChange: changes, watches: false };
    if (admission.drop) {
      clients.delete(admission.drop);
      rejectBusy(admission.drop.socket);
    }
    clients.add(client);
    socket.on('close', () => clients.delete(client));
    serveClient({ client, clients, verbs });
  };
  let server = await open(path, accept, log);
  return {
    publish: (document) => {
      const watchers = [...clients].filter(({ watches }) => watches);
      if (watchers.length === 0) return;
      const text = line({ version: DOCUMENT_VERSION, answer: document() });
      if (text === published) return;
      published = text;
      for (const { socket } of watchers) {
        // A client that does not read is closed; nothing is queued for it.
        if (socket.writableLength > MAX_UNREAD) socket.destroy();
        else if (socket.writable) socket.write(text);
      }
    },
    listenAgain: async () => {
      // Closing also removes the socket's file, if there is one.
      asRuntimeUser(() => server.close());
      server = await open(path, accept, log);
    },
    close: () =>
      new Promise((resolve) => {
        for (const { socket } of clients) socket.destroy();
        asRuntimeUser(() => server.close(() => resolve()));
      }),
  };
}

async function open(path: string, accept: (client: Socket) => void, log: Log): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, accept);
  // The daemon holds the lock, so an existing socket was left by a daemon that is gone.
  asRuntimeUser(() => rmSync(path, { force: true, recursive: true }));
  await asRuntimeUser(() => listening(server, path));
  asRuntimeUser(() => chmodSync(path, 0o666));
  server.on('error', (error) => log.warn(`control socket: ${error.message}`));
  return server;
}

/** bind(2) has made the socket when this returns. */
function listening(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.removeListener('error', reject);
      resolve();
    });
  });
}

const line = (document: object): string => `${JSON.stringify(document)}\n`;

/** Closes with the refusal `busy`, without waiting for the client to read it. The client retries (client.ts). */
function rejectBusy(socket: Socket): void {
  socket.on('error', () => socket.destroy());
  if (!socket.writable || socket.writableLength > 0) return void socket.destroy();
  socket.write(BUSY);
  socket.destroy();
}

const BUSY = line({
  version: DOCUMENT_VERSION,
  error: 'the daemon has too many clients; try again',
  code: 'busy',
});

interface ClientContext {
  readonly client: Client;
  readonly clients: ReadonlySet<Client>;
  readonly verbs: Readonly<Record<string, Verb>>;
}

function serveClient(context: ClientContext): void {
  const { socket: client } = context.client;
  let text = '';
  client.setEncoding('utf8');
  client.setTimeout(SILENCE_MS, () => client.destroy());
  client.on('error', () => client.destroy());
  let answering = false;
  let ended = false;
  // A client that closed its side after the request still gets the answer.
  client.on('end', () => {
    ended = true;
    if (!answering) client.end();
  });
  client.on('data', (chunk: string) => {
    text += chunk;
    if (text.length > MAX_WAITING) return void client.destroy();
    // An error in an answer ends this client only.
    if (!answering) answerAll().catch(() => client.destroy());
  });
  /** One request after the other: a client that sends faster than it reads waits, and costs one answer at most. */
  const answerAll = async (): Promise<void> => {
    answering = true;
    client.pause();
    for (let end = text.indexOf('\n'); end !== -1 && !client.destroyed; end = text.indexOf('\n')) {
      const each = text.slice(0, end);
      text = text.slice(end + 1);
      const request = parse(each);
      if (!watch(context, request))
        client.write(line(await withoutTimeout(context, respond(context, request))));
      if (client.writableNeedDrain) await drained(client);
      await nextTurn();
    }
    if (text.length > MAX_REQUEST) client.destroy();
    answering = false;
    if (ended) client.end();
    else client.resume();
  };
}

/** Suspends the timeout: a client that waits for an answer is not silent. */
async function withoutTimeout<Answer>(
  { client: { socket, watches } }: ClientContext,
  answer: Promise<Answer>,
): Promise<Answer> {
  socket.setTimeout(0);
  const answered = await answer;
  if (!watches) socket.setTimeout(SILENCE_MS);
  return answered;
}

let last: Promise<void> = Promise.resolve();

/** Limits all clients together to one answer per turn of the event loop, so that netlink events do not wait longer. */
function nextTurn(): Promise<void> {
  last = last.then(() => new Promise((resume) => setImmediate(resume)));
  return last;
}

/** Resolves when the buffer is drained or the socket closed. */
function drained(client: Socket): Promise<void> {
  return new Promise((resolve) => {
    const resume = (): void => {
      client.off('drain', resume).off('close', resume);
      resolve();
    };
    client.on('drain', resume).on('close', resume);
  });
}

/**
 * Synchronous, so that nothing is published between the answer and the first change.
 * @returns whether the request was for a watch
 */
function watch({ client, clients, verbs }: ClientContext, request: Request | null): boolean {
  const { socket } = client;
  const verb = verbOf(request, verbs);
  if (!request || !verb?.watch) return false;
  const version = DOCUMENT_VERSION;
  if (!client.watches && !mayWatch(clients, client.owner)) {
    socket.end(line({ version, error: 'too many clients are watching; try again', code: 'busy' }));
    return true;
  }
  try {
    socket.write(line({ version, answer: verb.answer(request) }));
    socket.setTimeout(0);
    client.watches = true;
  } catch (error) {
    socket.end(line({ version, ...failure(error) }));
  }
  return true;
}

async function respond(
  { client, verbs }: ClientContext,
  request: Request | null,
): Promise<{ version: number; answer?: unknown } & Partial<Failure>> {
  const version = DOCUMENT_VERSION;
  if (!request)
    return { version, error: 'a request is one JSON object on one line: {"ask":"status"}', code: 'request' };
  const verb = verbOf(request, verbs);
  if (!verb)
    return { version, error: `unknown request; known are ${Object.keys(verbs).join(', ')}`, code: 'request' };
  if (verb.change && !client.mayChange)
    return { version, error: 'only root may change anything', code: 'permission' };
  try {
    return { version, answer: await verb.answer(request) };
  } catch (error) {
    return { version, ...failure(error) };
  }
}

interface Failure {
  readonly error: string;
  readonly code: RequestErrorCode;
}

function failure(error: unknown): Failure {
  if (error instanceof RequestError) return { error: error.message, code: error.code };
  return { error: error instanceof Error ? error.message : String(error), code: 'internal' };
}

function parse(line: string): Request | null {
  if (line.length > MAX_REQUEST) return null;
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Request) : null;
  } catch {
    return null;
  }
}

/** Accepts only a string: an object could throw when it is converted to a string. */
function verbOf(request: Request | null, verbs: Readonly<Record<string, Verb>>): Verb | undefined {
  const name = request?.['ask'];
  return typeof name === 'string' && Object.hasOwn(verbs, name) ? verbs[name] : undefined;
}

const mayChange = (uid: number): boolean => isRootUser(uid) || isOwnUser(uid);
