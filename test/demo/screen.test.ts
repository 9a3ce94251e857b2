/** The screen fits the terminal, has colours only on one, and shows the facts. */
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { Fact } from '../../src/demo/fact.ts';
import { Screen } from '../../src/demo/screen.ts';

const uplink = (name: string, state: string, at: number): Fact => ({
  kind: 'uplink',
  at,
  interface: name,
  address: '192.0.2.10',
  state,
  reason: 'a reason that is much too long for the eighty columns that a terminal has, and goes on and on',
  rule: { glob: 'en*|eth*', file: '/etc/multihomed/rules.d/60-roaming.yaml', line: 10 },
  flags: ['subflow'],
  endpoint: 1,
});

const carried = (eth0: number, wwan0: number): Record<string, { received: number; sent: number }> => ({
  eth0: { received: eth0, sent: 0 },
  wwan0: { received: wwan0, sent: 0 },
});

const FACTS: readonly Fact[] = [
  { kind: 'scene', at: 0, name: 'ethernet', text: 'A laptop on Ethernet' },
  { kind: 'link', at: 30, interface: 'eth0', state: 'carrier' },
  uplink('eth0', 'active', 60),
  { kind: 'hook', at: 70, hook: '50-say', interface: 'eth0', action: 'up', text: 'eth0 up, 192.0.2.10' },
  ...Array.from({ length: 20 }, (_, i): Fact => {
    const links = carried(i * 400_000, 0);
    return { kind: 'sample', at: 200 * (i + 1), links, checked: i * 390_000 };
  }),
  { kind: 'scene', at: 4100, name: 'pulled', text: 'The Ethernet cable is pulled' },
  uplink('eth0', 'no carrier', 4120),
  {
    kind: 'figure',
    at: 5100,
    scene: 'pulled',
    name: 'stall',
    interface: 'wwan0',
    milliseconds: 23.4,
    from: 4110,
    to: 4133.4,
    window: [4100, 5100],
  },
  {
    kind: 'end',
    at: 6000,
    received: 8_192_000,
    sent: 8_192_000,
    blocks: 1000,
    duration: 5900,
    links: carried(8_000_000, 400_000),
  },
];

/** Returns everything that is written to a stream of this kind. */
function written(terminal: boolean, environment: NodeJS.ProcessEnv, facts = FACTS): string {
  const stream = Object.assign(new PassThrough(), { isTTY: terminal, columns: 80 });
  const screen = new Screen(stream as unknown as NodeJS.WriteStream, environment);
  for (const fact of facts) screen.show(fact);
  screen.close();
  return String(stream.read());
}

const UTF8 = { TERM: 'xterm-256color', LANG: 'C.UTF-8' };
/* oxlint-disable no-control-regex -- the test looks for control characters */
const COLOUR = /\u001b\[[\d;]*m/g;
const CONTROL = /\u001b/;

describe('demo: the screen', () => {
  it('is plain text if not a terminal', () => {
    const text = written(false, UTF8);
    expect(text).not.toMatch(CONTROL);
    expect(text).toContain('  5.10 s  ★        data moved to wwan0 after a stall of 23.4 ms\n');
    expect(text).toMatch(/2\.\d\d s {2}bytes {4}eth0 █{16} +16\.0 Mbit\/s/);
    expect(text).toContain('8.2 MB in 5.9 s over one connection: every byte received once');
  });

  it('never has a line that a terminal would wrap', () => {
    const lines = written(true, UTF8)
      .replace(COLOUR, '')
      .replace(/\u001b\[[\d?]*[A-Za-z]/g, '')
      .split(/[\r\n]+/);
    expect(lines.length).toBeGreaterThan(50);
    for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(80);
    expect(lines.some((line) => line.endsWith('…'))).toBe(true);
  });

  it('has colours on a terminal, none with NO_COLOR', () => {
    expect(written(true, UTF8)).toMatch(COLOUR);
    expect(written(true, { ...UTF8, NO_COLOR: '1' })).not.toMatch(COLOUR);
    expect(written(true, { ...UTF8, TERM: 'dumb' })).not.toMatch(CONTROL);
  });

  it('shows the cursor again at the end', () => {
    const text = written(true, UTF8, FACTS.slice(0, 10));
    expect(text.lastIndexOf('\u001b[?25h')).toBeGreaterThan(text.lastIndexOf('\u001b[?25l'));
  });

  it('is ASCII if the locale is not UTF-8', () => {
    expect(written(false, { LANG: 'C' })).toMatch(/^[\n -~]*$/);
  });

  it('reports missing bytes', () => {
    const end = FACTS.at(-1) as Extract<Fact, { kind: 'end' }>;
    expect(written(false, UTF8, [{ ...end, received: 8_000_000 }])).toContain(
      '8000000 of 8192000 bytes received.',
    );
  });
});
