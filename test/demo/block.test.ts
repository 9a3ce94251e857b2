/** The receiver's checks detect every lost, duplicated, moved or changed byte. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BLOCK, BlockChecker, ContentError, makeBlock } from '../../src/demo/block.ts';
import { longestStall, stallsIn, type Arrival } from '../../src/demo/stall.ts';

const stream = Buffer.concat([0, 1, 2, 3].map(makeBlock));

describe('demo: the stream', () => {
  it('is valid in pieces of any size', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: stream.length - 1 })), (cuts) => {
        const checker = new BlockChecker();
        const edges = [0, ...cuts.toSorted((a, b) => a - b), stream.length];
        for (let i = 1; i < edges.length; i++) checker.take(stream.subarray(edges[i - 1], edges[i]));
        expect(checker.blocks).toBe(4);
        expect(checker.bytes).toBe(stream.length);
      }),
      { numRuns: 50 },
    );
  });

  it('a wrong bit is detected', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: stream.length - 1 }),
        fc.integer({ min: 0, max: 7 }),
        (at, bit) => {
          const changed = Buffer.from(stream);
          changed[at] = changed[at]! ^ (1 << bit);
          expect(() => new BlockChecker().take(changed)).toThrow(ContentError);
        },
      ),
      { numRuns: 50 },
    );
  });

  it.each([
    ['lost', [0, 2]],
    ['doubled', [0, 1, 1]],
    ['moved', [1, 0]],
  ])('a block that is %s is detected', (_, order) => {
    const wrong = Buffer.concat(order.map(makeBlock));
    expect(() => new BlockChecker().take(wrong)).toThrow(/arrived instead of block/);
  });

  it('a missing byte is detected', () => {
    const short = Buffer.concat([stream.subarray(0, BLOCK + 5), stream.subarray(BLOCK + 6)]);
    expect(() => new BlockChecker().take(short)).toThrow(ContentError);
  });
});

describe('demo: the longest stall', () => {
  const arrivals: Arrival[] = [0, 4, 8, 50, 54, 58, 90, 94].map((at) => [at, 1]);

  it.each([
    [0, 100, 42],
    [54, 100, 32],
    // A stall that crosses the start or the end of the window counts completely.
    [20, 56, 42],
    [56, 60, 32],
    [0, 8, 42],
    [0, 7, 4],
  ])('from %d to %d is %d', (from, to, milliseconds) => {
    expect(longestStall(arrivals, from, to)?.milliseconds).toBe(milliseconds);
  });

  it('counts and adds up gaps of 100 ms or more that begin in the window', () => {
    const gaps: Arrival[] = [0, 100, 199, 350, 500, 700].map((at) => [at, 1]);
    expect(stallsIn(gaps, 0, 1000)).toEqual({ count: 4, milliseconds: 601 });
    expect(stallsIn(gaps, 1, 499)).toEqual({ count: 2, milliseconds: 301 });
    expect(stallsIn([], 0, 100)).toEqual({ count: 0, milliseconds: 0 });
  });

  it('is unknown if nothing more arrives', () => {
    expect(longestStall(arrivals, 100, 200)).toBeNull();
    expect(longestStall([], 0, 100)).toBeNull();
  });
});
