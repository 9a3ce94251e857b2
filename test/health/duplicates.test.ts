/** Which subflows are closed after a try. */
import { expect, test } from 'vitest';
import { findDuplicates } from '../../src/health/duplicates.ts';
import { subflow, type SubflowFields } from './sockets.ts';

const HERE = '192.0.2.10';

/** The cookies of the subflows that are closed, if those with the cookies 1 and 2 were there before the try. */
const closed = (...fields: readonly SubflowFields[]): readonly number[] =>
  findDuplicates(HERE, fields.map(subflow), new Set([1, 2])).map(({ cookie }) => cookie);

test('a further subflow where there was one is closed, also while it waits for an answer', () => {
  expect(closed({ cookie: 1 }, { cookie: 3 })).toEqual([3]);
  expect(closed({ cookie: 1 }, { cookie: 3, state: 'SYN-SENT' })).toEqual([3]);
});

test('the first one of a connection that had none stays, and no second one', () => {
  expect(closed({ cookie: 1, token: 1 }, { cookie: 3, token: 2 }, { cookie: 4, token: 2 })).toEqual([4]);
});

test('one that joined again beside a closing one stays', () =>
  expect(closed({ cookie: 1, state: 'FIN-WAIT-1' }, { cookie: 3 })).toEqual([]));

test('other addresses, other servers and those before the try stay', () => {
  expect(closed({ cookie: 1 }, { cookie: 2 })).toEqual([]);
  expect(closed({ cookie: 1 }, { cookie: 3, address: '203.0.113.10' })).toEqual([]);
  expect(closed({ cookie: 1 }, { cookie: 3, remote: '198.51.100.10' })).toEqual([]);
});
