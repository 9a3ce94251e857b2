/** Keys from a terminal in raw mode: characters as they are, other keys by name. */
import { emitKeypressEvents, type Interface } from 'node:readline';

/** After this time an escape character is the Escape key and not the start of a sequence. */
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

/** Keys pressed with Control. */
const CONTROLS = new Map([
  ['u', 'clear'],
  ['c', 'interrupt'],
  ['z', 'suspend'],
  ['l', 'redraw'],
] as const);

type ValueOf<Names> = Names extends Map<string, infer Value> ? Value : never;
export type NamedKey = ValueOf<typeof NAMES> | ValueOf<typeof CONTROLS>;
export type Key = { readonly name: NamedKey } | { readonly character: string };

/** The argument of readline's `keypress` event. */
interface Keypress {
  readonly name?: string | undefined;
  readonly ctrl: boolean;
  readonly meta: boolean;
}

/** Calls `onKey` for each key of `input`, which must be flowing. @returns a function that ends this */
export function listenKeys(input: NodeJS.ReadableStream, onKey: (key: Key) => void): () => void {
  // Node reads only this option of the interface, but its type requires a whole one.
  emitKeypressEvents(input, { escapeCodeTimeout: ESCAPE_WAIT_MS } as unknown as Interface);
  const listener = (text: string | undefined, pressed: Keypress): void => {
    const key = keyOf(text, pressed);
    if (key) onKey(key);
  };
  input.on('keypress', listener);
  return () => void input.off('keypress', listener);
}

function keyOf(text: string | undefined, { name = '', ctrl, meta }: Keypress): Key | null {
  const names: ReadonlyMap<string, NamedKey> = ctrl ? CONTROLS : NAMES;
  const named = names.get(name);
  if (named) return { name: named };
  if (ctrl || meta || text === undefined || /\p{Cc}/u.test(text)) return null;
  return { character: text };
}
