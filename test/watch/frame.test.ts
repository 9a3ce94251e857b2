/** The screen of "multihomed watch" as text: values only. */
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import { frame } from '../../src/watch/frame.ts';
import { Sampler } from '../../src/watch/sample.ts';
import { styleWith } from '../../src/watch/style.ts';
import { width } from '../../src/watch/text.ts';
import { FIRST_VIEW } from '../../src/watch/view.ts';
import { busy, connection, MODEM, sample, status, subflow, uplink } from './scene.ts';

const PLAIN = styleWith({ colour: false, unicode: true });
const PAPER = { columns: 80, rows: null };
const only = (facts: Parameters<typeof sample>[1]) => new Sampler().take(sample(0, facts));

const SIZES = [
  [80, 24],
  [120, 40],
  [50, 20],
  [200, 60],
  [30, 8],
  [10, 4],
  [1, 1],
] as const;

const LONG = uplink({ interface: 'x'.repeat(15), address: '2001:db8:1111:2222:3333:4444:5555:6666' });
const SCENES = {
  nothing: only({ status: null }),
  'no uplink': only({ status: status([]) }),
  'two connections': busy(2),
  'many connections': busy(500),
  'long names': busy(1, { status: status([LONG, MODEM]) }),
  'many uplinks': only({
    status: status(
      Array.from({ length: 40 }, (_, at) => uplink({ interface: `eth${at}`, address: `10.${at}.0.2` })),
    ),
  }),
  problems: only({ problems: Array.from({ length: 9 }, (_, at) => `trouble ${at} ${'!'.repeat(200)}`) }),
  'wide characters': busy(1, {
    status: status([uplink({ interface: '有線ネット' }), uplink({ interface: '📶', address: '10.1.0.2' })]),
  }),
};

describe.each(Object.entries(SCENES))('%s', (_, model) => {
  test.each(SIZES)('fits %i x %i exactly', (columns, rows) => {
    for (const unicode of [true, false])
      for (const view of [
        FIRST_VIEW,
        { ...FIRST_VIEW, help: true },
        { ...FIRST_VIEW, typing: true, filter: 'wwan' },
      ]) {
        const { text } = frame(model, view, { columns, rows }, styleWith({ colour: false, unicode }));
        expect(text).toHaveLength(rows);
        for (const line of text) expect(width(line)).toBeLessThanOrEqual(columns);
      }
  });

  test('has the same characters with colours and without', () => {
    const size = { columns: 80, rows: 24 };
    const coloured = frame(model, FIRST_VIEW, size, styleWith({ colour: true, unicode: false })).text;
    const bare = coloured.map(stripVTControlCharacters);
    expect(bare).toEqual(frame(model, FIRST_VIEW, size, styleWith({ colour: false, unicode: false })).text);
  });
});

test('without colours: no escape; without unicode: only ASCII', () => {
  const text = frame(busy(3), FIRST_VIEW, PAPER, styleWith({ colour: false, unicode: false })).text.join(
    '\n',
  );
  expect(text).toMatch(/^[\n -~]*$/);
});

test('text shows state and rate of each path and subflow', () => {
  const text = frame(busy(1), FIRST_VIEW, PAPER, PLAIN).text;
  expect(text[0]).toContain('2 of 2 uplinks active, daemon 71');
  expect(text.find((line) => line.includes('eth0'))).toMatch(/active .*100 % 1\.00 MB\/s/);
  expect(text.find((line) => line.startsWith('├─ eth0'))).toMatch(/open .* 1\.00 MB .* 20 ms +0$/);
  expect(text.find((line) => line.startsWith('└─ wwan0'))).toMatch(/backup .* 0 B/);
});

test('charts show that data moved from one path to the other', () => {
  const sampler = new Sampler();
  let model = sampler.take(sample(0));
  let [first, second] = [0, 0];
  for (let at = 0; at < 12; at++) {
    if (at < 6) first += 1e6;
    else second += 1e6;
    model = sampler.take(
      sample(at * 1000, {
        subflows: [
          subflow({ cookie: 1, received: first }),
          subflow({ cookie: 2, address: '10.1.0.2', id: 2, received: second, backup: true }),
        ],
      }),
    );
  }
  const text = frame(model, FIRST_VIEW, { columns: 120, rows: 40 }, PLAIN).text;
  expect(text.find((line) => line.startsWith('├─ eth0'))).toMatch(/▁█████▁▁▁▁▁▁ /);
  expect(text.find((line) => line.startsWith('└─ wwan0'))).toMatch(/▁▁▁▁▁▁██████ /);
});

test.each([
  [
    'no daemon',
    only({ status: status([uplink()], { daemon: null }) }),
    '1 of 1 uplink active, no daemon is running',
  ],
  [
    'a paused daemon',
    only({ status: status([], { daemon: { pid: 9, paused: true, dryRun: false, overruns: 0 } }) }),
    'paused since "multihomed flush"',
  ],
  ['nothing read yet', only({ status: null }), 'reading the state'],
  [
    'all ignored',
    only({ status: status([uplink({ state: 'ignored' })]) }),
    'no uplink; 1 address ignored by rules',
  ],
  ['a problem', only({ problems: ['the daemon does not answer'] }), '! the daemon does not answer'],
  ['a connection without a path', only({ connections: [connection(5)] }), 'no path'],
  ['a connection that fell back', only({ connections: [connection(5, { fallback: true })] }), 'plain'],
  ['a silent path', only({ subflows: [subflow({ cookie: 1, timeouts: 2 })] }), 'stalled'],
  [
    'a subflow on a foreign address',
    only({
      subflows: [subflow({ cookie: 1, address: '192.0.2.9' })],
      names: new Map([['192.0.2.9', 'lan7']]),
    }),
    'no rule selects it',
  ],
])('%s', (_, model, words) => {
  expect(frame(model, FIRST_VIEW, { columns: 100, rows: 24 }, PLAIN).text.join('\n')).toContain(words);
});

test('control characters in a name are escaped', () => {
  const evil = uplink({ interface: 'a\u001b[2J\n', reason: 'b\u009b1mc\u202e' });
  for (const line of frame(busy(1, { status: status([evil]) }), FIRST_VIEW, PAPER, PLAIN).text)
    expect(line).not.toMatch(/\p{Cc}|\p{Cf}/u);
});

test('scrolls through ten thousand connections and stops at the last', () => {
  const model = busy(10_000);
  const size = { columns: 80, rows: 24 };
  const first = frame(model, { ...FIRST_VIEW, sort: 'arrival' }, size, PLAIN);
  expect(first.total).toBe(30_000);
  const last = frame(model, { ...FIRST_VIEW, sort: 'arrival', offset: 1e9 }, size, PLAIN);
  expect(last.text.at(-1)).toContain(`${30_000 - last.lines + 1}-30000 of 30000`);
  expect(last.text.at(-2)).toMatch(/^└─ wwan0/);
});

test('the state of a suspect path has its age, also in 80 columns', () => {
  const suspect = uplink({ state: 'suspect', reason: 'no answer for 72 ms', since: Date.now() - 1_200 });
  const { text } = frame(only({ status: status([suspect, MODEM]) }), FIRST_VIEW, PAPER, PLAIN);
  expect(text.join('\n')).toMatch(/eth0 +suspect 1\.\d s /);
});

test('lost subflows of a path are shown', () => {
  const lastLoss = { errno: 'ECONNRESET', time: 5 };
  const subflows = {
    established: 3,
    failed: 0,
    failing: 0,
    lastFailure: null,
    lost: 1,
    lastLoss,
    obstacle: null,
  };
  const { text } = frame(only({ status: status([uplink({ subflows })]) }), FIRST_VIEW, PAPER, PLAIN);
  expect(text.join('\n')).toContain('1 of 3 subflows lost');
});
