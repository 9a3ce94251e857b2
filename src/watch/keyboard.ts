/** Keys that a terminal in raw mode sends: characters as they are, the others by name. */
import { emitKeypressEvents, type Interface } from 'node:readline';

/** Milliseconds after which an escape is the key and not the beginning of a sequence. */
const ESCAPE_WAIT_MS = 50;

const NAMES = new Map([
  ['up', 'up'],
  ['down', 'down'],
  ['pageup', 'page-up'],
  ['pagedown', 'page-down'],
  ['home', 'home'],
  ['end', 'end'],
  ['return', 'enter'],
  ['enter', 'enter'],
  ['escape', 'escape'],
  ['backspace', 'backspace'],
] as const);

/** With the control key. */
const CONTROLS = new Map([
  ['u', 'clear'],
  ['c', 'interrupt'],
  ['z', 'suspend'],
  ['l', 'redraw'],
] as const);

type ValueOf<Names> = Names extends Map<string, infer Value> ? Value : never;
export type Named = ValueOf<typeof NAMES> | ValueOf<typeof CONTROLS>;
export type Key = { readonly name: Named } | { readonly character: string };

/** As readline's `keypress` event has it. */
interface Pressed {
  readonly name?: string | undefined;
  readonly ctrl: boolean;
  readonly meta: boolean;
}

/** Calls `onKey` for each key of `input`, which must be flowing. @returns what ends that */
export function listenKeys(input: NodeJS.ReadableStream, onKey: (key: Key) => void): () => void {
  // Of the interface this option alone is read, and its typing asks for a whole one.
  emitKeypressEvents(input, { escapeCodeTimeout: ESCAPE_WAIT_MS } as unknown as Interface);
  const listener = (text: string | undefined, pressed: Pressed): void => {
    const key = keyOf(text, pressed);
    if (key) onKey(key);
  };
  input.on('keypress', listener);
  return () => void input.off('keypress', listener);
}

function keyOf(text: string | undefined, { name = '', ctrl, meta }: Pressed): Key | null {
  const names: ReadonlyMap<string, Named> = ctrl ? CONTROLS : NAMES;
  const named = names.get(name);
  if (named) return { name: named };
  if (ctrl || meta || text === undefined || /\p{Cc}/u.test(text)) return null;
  return { character: text };
}
