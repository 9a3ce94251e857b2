/** Sorting, filtering and scrolling in "multihomed watch" by the pressed keys: values only. */
import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { listenKeys } from '../../src/watch/keyboard.ts';
import { arrange, SORTS } from '../../src/watch/order.ts';
import { FIRST_VIEW, press, type Pressed } from '../../src/watch/view.ts';
import { Sampler } from '../../src/watch/sample.ts';
import { sample, subflow } from './scene.ts';

/** A list of 100 lines of which 10 are visible. */
async function after(text: string): Promise<Pressed> {
  const input = new EventEmitter() as NodeJS.ReadableStream;
  let now: Pressed = FIRST_VIEW;
  let keys = 0;
  listenKeys(input, (key) => {
    keys++;
    if (typeof now !== 'string') now = press(now, key, { lines: 10, total: 100 });
  });
  input.emit('data', Buffer.from(text));
  const before = keys;
  // An escape counts as the Escape key if nothing follows for a while.
  if (text.endsWith('\u001b')) await expect.poll(() => keys).toBeGreaterThan(before);
  return now;
}

test.each([
  ['q', 'quit'],
  ['\u0003', 'quit'],
  ['f\u0003', 'quit'],
  ['\u001a', 'suspend'],
  ['\u000c', 'redraw'],
])('%j: %s', async (text, result) => expect(await after(text)).toBe(result));

test.each([
  ['f443\r', { filter: '443', typing: false }],
  ['/quick\r', { filter: 'quick', typing: false }],
  ['fab\u007f', { filter: 'a', typing: true }],
  ['fab\u0015c', { filter: 'c', typing: true }],
  ['fab\u001b', { filter: '', typing: false }],
  ['fab\r\u001b', { filter: '', typing: false }],
  ['?', { help: true }],
  ['?\u001b', { help: false }],
  ['?s', { help: false, sort: 'bytes' }],
  ['\u001b[A', { offset: 0 }],
  ['\u001b[B\u001b[B', { offset: 2 }],
  ['\u001b[6~', { offset: 9 }],
  ['\u001b[6~\u001b[5~', { offset: 0 }],
  ['\u001b[F', { offset: 90 }],
  ['\u001b[F\u001b[B', { offset: 90 }],
  ['\u001b[F\u001b[H', { offset: 0 }],
  ['\u001b[Fs', { offset: 0, sort: 'bytes' }],
])('%j', async (text, facts) => expect(await after(text)).toMatchObject(facts));

test('s cycles through all sort orders', async () => {
  expect(await after('s'.repeat(SORTS.length))).toEqual(FIRST_VIEW);
});

const model = (() => {
  const sampler = new Sampler();
  const flows = (factor: number) => [
    subflow({ token: 1, cookie: 1, remote: '192.0.2.30', received: 100 * factor, rtt: 900, retransmits: 4 }),
    subflow({ token: 2, cookie: 2, remote: '192.0.2.10', received: 5000 * factor, rtt: 90_000 }),
    subflow({
      token: 3,
      cookie: 3,
      remote: '192.0.2.20',
      received: 9000,
      rtt: 5000,
      address: '10.1.0.2',
      retransmits: 2,
    }),
  ];
  sampler.take(sample(0, { subflows: flows(0) }));
  return sampler.take(sample(1000, { subflows: flows(1) }));
})();

test.each([
  ['rate', [2, 1, 3]],
  ['bytes', [3, 2, 1]],
  ['round trip', [2, 3, 1]],
  ['retransmits', [1, 3, 2]],
  ['peer', [2, 3, 1]],
  ['arrival', [1, 2, 3]],
] as const)('by %s', (sort, tokens) => {
  expect(arrange(model.connections, sort, '').map(({ token }) => token)).toEqual(tokens);
});

test.each([
  ['WWAN0', [3]],
  ['192.0.2.10:443', [2]],
  ['eth0 40001', [1]],
  ['eth0 wwan0', []],
  ['open', [1, 2, 3]],
  ['  ', [1, 2, 3]],
])('filter %j', (filter, tokens) => {
  expect(arrange(model.connections, 'arrival', filter).map(({ token }) => token)).toEqual(tokens);
});
