/**
 * The control socket: one JSON document a line in both directions. Whoever connects may read; root and the daemon's own
 * user may change. A client that is slow, silent, flooding or half gone costs a bounded buffer and is let go.
 */
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { peerCredentials } from '../system/addon.ts';
import type { Log } from '../system/log.ts';
import { isOwnUser } from '../system/user-namespace.ts';
import { DOCUMENT_VERSION } from './document.ts';
import { RefusedRequest, type RefusalCode } from './refusal.ts';

const LONGEST_REQUEST = 4096;
const MOST_CLIENTS = 64;
/** Of one user that is not root. */
const MOST_OF_ONE = 16;
const SILENCE = 10_000;
/** Unanswered requests of one client, in characters: more than one read brings. */
const MOST_WAITING = 256 << 10;
/** Of those who are not root. They stay, so they may never take all the places of those who ask once. */
const MOST_WATCHERS = 16;
/** Bytes that a watcher may leave unread. */
const MOST_UNREAD = 1 << 20;
const ROOT = 0;

interface Request {
  readonly [key: string]: unknown;
}

/** With the users whose they are. */
type Clients = Map<Socket, number>;

/** `change`: for root alone. */
export interface Verb {
  readonly change: boolean;
  /** A value for JSON; what it throws is told to the client as its error. */
  readonly answer: (request: Request) => unknown;
  /** The client stays, and is sent what is published; the answer, which must be no promise, is the first of it. */
  readonly watch?: boolean;
}

export interface ControlServer {
  /** To all who watch, if it is not what was published last; `document` is made only where somebody does. */
  publish(document: () => object): void;
  /** Again, where the socket's file is gone; those who are connected stay. */
  listenAgain(): Promise<void>;
  close(): Promise<void>;
}

export async function serve(
  path: string,
  verbs: Readonly<Record<string, Verb>>,
  log: Log,
): Promise<ControlServer> {
  const clients: Clients = new Map();
  const watchers: Clients = new Map();
  let published = '';
  const accept = (client: Socket): void => {
    const uid = uidOf(client);
    if (!hasPlace(uid, clients)) return void client.destroy();
    clients.set(client, uid);
    client.on('close', () => {
      clients.delete(client);
      watchers.delete(client);
    });
    attend({ client, uid, verbs, watchers });
  };
  let server = await open(path, accept, log);
  return {
    publish: (document) => {
      if (watchers.size === 0) return;
      const text = line({ version: DOCUMENT_VERSION, answer: document() });
      if (text === published) return;
      published = text;
      for (const client of watchers.keys()) {
        // Whoever does not read is let go; nothing is kept for later.
        if (client.writableLength > MOST_UNREAD) client.destroy();
        else if (client.writable) client.write(text);
      }
    },
    listenAgain: async () => {
      // This removes the file of its name, if there is one.
      server.close();
      server = await open(path, accept, log);
    },
    close: () =>
      new Promise((resolve) => {
        for (const client of clients.keys()) client.destroy();
        server.close(() => resolve());
      }),
  };
}

async function open(path: string, accept: (client: Socket) => void, log: Log): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, accept);
  // The lock is held, so whatever socket is there was left by a daemon that is gone.
  rmSync(path, { force: true });
  await listening(server, path);
  chmodSync(path, 0o666);
  server.on('error', (error) => log.warn(`control socket: ${error.message}`));
  return server;
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

const line = (document: object): string => `${JSON.stringify(document)}\n`;

interface Visit {
  readonly client: Socket;
  readonly uid: number;
  readonly verbs: Readonly<Record<string, Verb>>;
  readonly watchers: Clients;
}

function attend(visit: Visit): void {
  const { client } = visit;
  let text = '';
  client.setEncoding('utf8');
  client.setTimeout(SILENCE, () => client.destroy());
  client.on('error', () => client.destroy());
  let answering = false;
  let ended = false;
  // Whoever has asked and closed his side is still answered.
  client.on('end', () => {
    ended = true;
    if (!answering) client.end();
  });
  client.on('data', (chunk: string) => {
    text += chunk;
    if (text.length > MOST_WAITING) return void client.destroy();
    // Whatever goes wrong in an answer is the end of this client, and of nobody else.
    if (!answering) answerAll().catch(() => client.destroy());
  });
  /** One after the other: whoever asks faster than he reads waits, and costs no more than one answer. */
  const answerAll = async (): Promise<void> => {
    answering = true;
    client.pause();
    for (let end = text.indexOf('\n'); end !== -1 && !client.destroyed; end = text.indexOf('\n')) {
      const each = text.slice(0, end);
      text = text.slice(end + 1);
      const request = parse(each);
      if (!watch(visit, request)) client.write(line(await patient(visit, respond(visit, request))));
      if (client.writableNeedDrain) await drained(client);
      await turn();
    }
    if (text.length > LONGEST_REQUEST) client.destroy();
    answering = false;
    if (ended) client.end();
    else client.resume();
  };
}

/** Whoever waits for our answer is not silent. */
async function patient<Answer>({ client, watchers }: Visit, answer: Promise<Answer>): Promise<Answer> {
  client.setTimeout(0);
  const answered = await answer;
  if (!watchers.has(client)) client.setTimeout(SILENCE);
  return answered;
}

let last: Promise<void> = Promise.resolve();

/** One answer in each turn of the event loop, whoever asks: the network does not wait for more than that. */
function turn(): Promise<void> {
  last = last.then(() => new Promise((resume) => setImmediate(resume)));
  return last;
}

/** Or closed. */
function drained(client: Socket): Promise<void> {
  return new Promise((resolve) => {
    const resume = (): void => {
      client.off('drain', resume).off('close', resume);
      resolve();
    };
    client.on('drain', resume).on('close', resume);
  });
}

/** In one go: nothing is published between the answer and the first change. @returns whether it was asked for */
function watch({ client, uid, verbs, watchers }: Visit, request: Request | null): boolean {
  const verb = verbOf(request, verbs);
  if (!request || !verb?.watch) return false;
  const version = DOCUMENT_VERSION;
  const others = [...watchers.values()].filter((each) => each !== ROOT).length;
  if (uid !== ROOT && others >= MOST_WATCHERS && !watchers.has(client)) {
    client.end(line({ version, error: `${MOST_WATCHERS} others watch already`, code: 'busy' }));
    return true;
  }
  try {
    client.write(line({ version, answer: verb.answer(request) }));
    client.setTimeout(0);
    watchers.set(client, uid);
  } catch (error) {
    client.end(line({ version, ...failure(error) }));
  }
  return true;
}

async function respond(
  { uid, verbs }: Visit,
  request: Request | null,
): Promise<{ version: number; answer?: unknown } & Partial<Failure>> {
  const version = DOCUMENT_VERSION;
  if (!request)
    return { version, error: 'a request is one JSON object on one line: {"ask":"status"}', code: 'request' };
  const verb = verbOf(request, verbs);
  if (!verb)
    return { version, error: `unknown request; known are ${Object.keys(verbs).join(', ')}`, code: 'request' };
  if (verb.change && !mayChange(uid))
    return { version, error: 'only root may change anything', code: 'permission' };
  try {
    return { version, answer: await verb.answer(request) };
  } catch (error) {
    return { version, ...failure(error) };
  }
}

interface Failure {
  readonly error: string;
  readonly code: RefusalCode;
}

function failure(error: unknown): Failure {
  if (error instanceof RefusedRequest) return { error: error.message, code: error.code };
  return { error: error instanceof Error ? error.message : String(error), code: 'internal' };
}

function parse(line: string): Request | null {
  if (line.length > LONGEST_REQUEST) return null;
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Request) : null;
  } catch {
    return null;
  }
}

/** Only a text names one: an object in its place could throw when it is made a text. */
function verbOf(request: Request | null, verbs: Readonly<Record<string, Verb>>): Verb | undefined {
  const name = request?.['ask'];
  return typeof name === 'string' && Object.hasOwn(verbs, name) ? verbs[name] : undefined;
}

/** Root always has a place, and nobody else takes all of them. */
function hasPlace(uid: number, clients: Clients): boolean {
  if (uid === ROOT) return true;
  const same = [...clients.values()].filter((each) => each === uid).length;
  return clients.size < MOST_CLIENTS && same < MOST_OF_ONE;
}

const mayChange = (uid: number): boolean => uid === ROOT || isOwnUser(uid);

/** SO_PEERCRED is of the moment of connecting, and cannot be claimed; -1: gone already. */
function uidOf(client: Socket): number {
  const handle = (client as unknown as { _handle?: { fd?: number } })._handle;
  if (typeof handle?.fd !== 'number' || handle.fd < 0) return -1;
  return peerCredentials(handle.fd).uid;
}
