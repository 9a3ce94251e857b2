/** What a terminal in raw mode sends, as keys: characters as they are, the others by name (console_codes(4)). */

export type Named =
  | 'up'
  | 'down'
  | 'page-up'
  | 'page-down'
  | 'home'
  | 'end'
  | 'enter'
  | 'escape'
  | 'backspace'
  | 'clear'
  | 'interrupt'
  | 'suspend'
  | 'redraw';

export type Key = { readonly name: Named } | { readonly character: string };

const SEQUENCES: Readonly<Record<string, Named>> = {
  '[A': 'up',
  OA: 'up',
  '[B': 'down',
  OB: 'down',
  '[5~': 'page-up',
  '[6~': 'page-down',
  '[H': 'home',
  OH: 'home',
  '[1~': 'home',
  '[7~': 'home',
  '[F': 'end',
  OF: 'end',
  '[4~': 'end',
  '[8~': 'end',
};

const CONTROLS: Readonly<Record<string, Named>> = {
  '\r': 'enter',
  '\n': 'enter',
  '\b': 'backspace',
  '\u007f': 'backspace',
  '\u0015': 'clear',
  '\u0003': 'interrupt',
  '\u001a': 'suspend',
  '\u000c': 'redraw',
};

/** A whole sequence after its escape: CSI with parameters, SS3 with one letter, or Alt with a key. */
const WHOLE = /^(?:\[[0-?]*[ -/]*[@-~]|O[@-~]|[^[O])/u;

export class Keyboard {
  #rest = '';

  /** Sequences may come in pieces; what is not whole waits for the next, or for `flush`. */
  feed(text: string): Key[] {
    this.#rest += text;
    const keys: Key[] = [];
    while (this.#rest !== '') {
      if (!this.#rest.startsWith('\u001b')) {
        const character = String.fromCodePoint(this.#rest.codePointAt(0)!);
        this.#rest = this.#rest.slice(character.length);
        const key = keyOf(character);
        if (key) keys.push(key);
        continue;
      }
      const tail = this.#rest.slice(1);
      if (tail.startsWith('\u001b')) {
        keys.push({ name: 'escape' });
        this.#rest = tail;
        continue;
      }
      const [sequence] = WHOLE.exec(tail) ?? [];
      if (sequence === undefined) break;
      this.#rest = tail.slice(sequence.length);
      const name = SEQUENCES[sequence];
      if (name) keys.push({ name });
    }
    return keys;
  }

  get waiting(): boolean {
    return this.#rest !== '';
  }

  /** Nothing followed: an escape that stands alone is the key of that name. */
  flush(): Key[] {
    const alone = this.#rest === '\u001b';
    this.#rest = '';
    return alone ? [{ name: 'escape' }] : [];
  }
}

function keyOf(character: string): Key | null {
  const name = CONTROLS[character];
  if (name) return { name };
  return /\p{Cc}/u.test(character) ? null : { character };
}
