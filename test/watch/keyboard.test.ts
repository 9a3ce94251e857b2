import { expect, test } from 'vitest';
import { Keyboard } from '../../src/watch/keyboard.ts';

const names = (text: string): string[] =>
  new Keyboard().feed(text).map((key) => ('name' in key ? `<${key.name}>` : key.character));

test.each([
  ['q', ['q']],
  ['fé有', ['f', 'é', '有']],
  ['\u001b[A\u001b[B\u001bOA\u001bOB', ['<up>', '<down>', '<up>', '<down>']],
  ['\u001b[5~\u001b[6~', ['<page-up>', '<page-down>']],
  [
    '\u001b[H\u001b[F\u001b[1~\u001b[4~\u001bOH\u001bOF',
    ['<home>', '<end>', '<home>', '<end>', '<home>', '<end>'],
  ],
  ['\r\n\u007f\b\u0015', ['<enter>', '<enter>', '<backspace>', '<backspace>', '<clear>']],
  ['\u0003\u001a\u000c', ['<interrupt>', '<suspend>', '<redraw>']],
  // Function keys, Alt with a letter, mouse, other controls: nothing of ours, and no character of theirs is typed.
  ['\u001b[15~\u001bx\u001b[1;5C\u001b[<0;1;2M\u0001q', ['q']],
  ['\u001b\u001b[A', ['<escape>', '<up>']],
])('%j', (text, keys) => expect(names(text)).toEqual(keys));

test('a sequence that comes in pieces is one key', () => {
  const keyboard = new Keyboard();
  expect([...'\u001b[5~'].flatMap((piece) => keyboard.feed(piece))).toEqual([{ name: 'page-up' }]);
  expect(keyboard.waiting).toBe(false);
});

test('an escape that nothing follows is the key', () => {
  const keyboard = new Keyboard();
  expect(keyboard.feed('\u001b')).toEqual([]);
  expect(keyboard.waiting).toBe(true);
  expect(keyboard.flush()).toEqual([{ name: 'escape' }]);
  expect(keyboard.feed('q')).toEqual([{ character: 'q' }]);
});
