/** The messages between the daemon and the hook runner: JSON objects, each on one line of a stream. */
import type { Readable } from 'node:stream';
import type { Log } from '../system/log.ts';
import { HOOK_PATH, isSafeName } from './environment.ts';
import type { HookReport, HookRequest } from './runner.ts';

/** `run`: a number that the answer repeats. `stop`: ends all hooks, and then the connection. */
export type ToRunner = { readonly run: number; readonly request: HookRequest } | { readonly stop: true };

export type FromRunner =
  | { readonly log: keyof Log; readonly text: string; readonly fields?: object }
  | { readonly run: number; readonly reports: readonly HookReport[] }
  | { readonly run: number; readonly error: string };

/** Maximum characters of a message. */
export const MAX_MESSAGE = 256 * 1024;
/** Maximum number of simultaneous runs. More would slow each other down until they exceed their time-outs. */
export const MAX_RUNS = 16;

const MAX_FOLDERS = 64;
const MAX_VARIABLES = 64;
/** PATH_MAX, limits.h. */
const MAX_PATH = 4096;
/** The largest delay of a timer of Node, in milliseconds. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

const ACTIONS: ReadonlySet<unknown> = new Set([
  ...['device-add', 'device-delete', 'link-up', 'link-down', 'up', 'down', 'change'],
]);
/** Every name that hookEnvironment() makes, and none that a shell or the dynamic linker reads. */
const VARIABLE =
  /^(?:NM_DISPATCHER_ACTION|DEVICE_IFACE|DEVICE_IP_IFACE|IP[46]_(?:NUM_ADDRESSES|ADDRESS_0|GATEWAY)|MULTIHOMED_[A-Z_]+)$/;

export function encode(message: ToRunner | FromRunner): string {
  return `${JSON.stringify(message)}\n`;
}

/**
 * Calls `onMessage` with each JSON value of the stream, and `onInvalid` once, and nothing more, when a line is longer
 * than MAX_MESSAGE or is not JSON.
 */
export function readMessages(
  stream: Readable,
  onMessage: (value: unknown) => void,
  onInvalid: () => void,
): void {
  let text = '';
  const read = (chunk: string): void => {
    text += chunk;
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n')) {
      const value = end > MAX_MESSAGE ? undefined : parsed(text.slice(0, end));
      text = text.slice(end + 1);
      if (value === undefined) return invalid();
      onMessage(value);
    }
    if (text.length > MAX_MESSAGE) invalid();
  };
  const invalid = (): void => {
    text = '';
    stream.off('data', read);
    onInvalid();
  };
  stream.setEncoding('utf8').on('data', read);
}

/** Checks every field, because the runner may have more privileges than the sender. */
export function isToRunner(value: unknown): value is ToRunner {
  if (!isObject(value)) return false;
  if ('stop' in value) return value['stop'] === true;
  return Number.isSafeInteger(value['run']) && isRequest(value['request']);
}

function isRequest(value: unknown): value is HookRequest {
  if (!isObject(value)) return false;
  const { action, interface: name, environment, timeout, user, folders } = value;
  return (
    ACTIONS.has(action) &&
    isText(name, MAX_PATH) &&
    isSafeName(name) &&
    isEnvironment(environment) &&
    Number.isInteger(timeout) &&
    Number(timeout) > 0 &&
    Number(timeout) <= MAX_TIMEOUT_MS &&
    isText(user, MAX_PATH) &&
    Array.isArray(folders) &&
    folders.length <= MAX_FOLDERS &&
    folders.every((folder) => isText(folder, MAX_PATH))
  );
}

function isEnvironment(value: unknown): boolean {
  if (!isObject(value) || value['PATH'] !== HOOK_PATH) return false;
  const { PATH: _, ...variables } = value;
  const entries = Object.entries(variables);
  return (
    entries.length <= MAX_VARIABLES &&
    entries.every(([name, text]) => VARIABLE.test(name) && isText(text, MAX_MESSAGE)) &&
    isObject(parsed((variables['MULTIHOMED_JSON'] as string | undefined) ?? '{}'))
  );
}

/** Text without NUL, which execve(2) and open(2) would cut off there. */
function isText(value: unknown, max: number): value is string {
  return typeof value === 'string' && value.length <= max && !value.includes('\0');
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @returns undefined for text that is not JSON */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
