/** The nearest valid word for a misspelt one: values only. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nearest } from '../../src/rules/nearest.ts';

const WORDS = ['signal', 'subflow', 'backup', 'fullmesh', 'per-interface', 'check-route'];

test.each([
  ['sublfow', 'subflow'],
  ['subflows', 'subflow'],
  ['bakup', 'backup'],
  ['Signal', 'signal'],
  ['perInterface', 'per-interface'],
  ['check_route', 'check-route'],
  ['full-mesh', 'fullmesh'],
  ['xyz', null],
  ['', null],
  ['s'.repeat(1000), null],
])('%s: did you mean %s', (text, word) => expect(nearest(text, WORDS)).toBe(word));

test('property: one letter added, removed, changed or swapped is found', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...WORDS),
      fc.nat(),
      fc.constantFrom('x', 'q', ''),
      fc.boolean(),
      (word, at, letter, swap) => {
        const i = at % (word.length - 1);
        const end = word.slice(i + 2);
        const misspelt = swap
          ? word.slice(0, i) + (word[i + 1] ?? '') + (word[i] ?? '') + end
          : word.slice(0, i) + letter + word.slice(i + 1);
        expect(nearest(misspelt, WORDS)).toBe(word);
      },
    ),
  );
});
