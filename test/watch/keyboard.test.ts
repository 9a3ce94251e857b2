/** The keys that "multihomed watch" reads, from a stream in place of a terminal. */
import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { listenKeys } from '../../src/watch/keyboard.ts';

function keyboard(): { readonly input: PassThrough; readonly keys: string[] } {
  const input = new PassThrough();
  const keys: string[] = [];
  listenKeys(input, (key) => keys.push('name' in key ? `<${key.name}>` : key.character));
  return { input, keys };
}

test.each([
  ['q', ['q']],
  ['fé有😀', ['f', 'é', '有', '😀']],
  ['\u001b[A\u001b[B\u001bOA\u001bOB', ['<up>', '<down>', '<up>', '<down>']],
  ['\u001b[5~\u001b[6~', ['<page-up>', '<page-down>']],
  [
    '\u001b[H\u001b[F\u001b[1~\u001b[4~\u001bOH\u001bOF',
    ['<home>', '<end>', '<home>', '<end>', '<home>', '<end>'],
  ],
  ['\r\n\u007f\b\u0015', ['<enter>', '<enter>', '<backspace>', '<backspace>', '<clear>']],
  ['\u0003\u001a\u000c', ['<interrupt>', '<suspend>', '<redraw>']],
  // Function keys, Alt with a letter and other controls have no meaning here, and their characters are not inserted.
  ['\u001b[15~\u001bx\u001b[1;5C\u0001q', ['q']],
])('watch reads the keys of %j', async (text, expected) => {
  const { input, keys } = keyboard();
  input.write(text);
  await expect.poll(() => keys).toEqual(expected);
});

test('watch reads an escape sequence in pieces as one key', async () => {
  const { input, keys } = keyboard();
  for (const byte of Buffer.from('\u001b[5~é')) {
    input.write(Buffer.from([byte]));
    await new Promise((resume) => setImmediate(resume));
  }
  await expect.poll(() => keys).toEqual(['<page-up>', 'é']);
});

test('watch reads a single escape as the Escape key', async () => {
  const { input, keys } = keyboard();
  input.write('\u001b');
  await expect.poll(() => keys).toEqual(['<escape>']);
  input.write('q');
  await expect.poll(() => keys).toEqual(['<escape>', 'q']);
});

test('watch reads no keys after it has ended', async () => {
  const input = new PassThrough();
  const keys: unknown[] = [];
  const stop = listenKeys(input, (key) => keys.push(key));
  stop();
  input.resume().write('q');
  await new Promise((resume) => setImmediate(resume));
  expect(keys).toEqual([]);
});
