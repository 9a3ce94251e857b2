/** Every number that the demo shows, compared with the receiver's raw log and with iproute2. */
import { beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { SCENES, type FigureFact } from '../../src/demo/fact.ts';
import { demo as line } from '../docs/documents/demo.ts';
import { Oracle } from './oracle.ts';
import { only, perform, users, whyNot, type Performance, type User } from './performance.ts';

const forbidden = whyNot() !== null;

/** Milliseconds by which two programs that receive the same event may differ on a loaded machine. */
const APART = 2_000;

interface Run extends Performance {
  readonly user: User;
  readonly oracle: Oracle;
}

const runs = new Map<User, Run>();
const everybody = forbidden ? [] : users();

describe.skipIf(forbidden).each(everybody)('the demo as %s', (user) => {
  beforeAll(async () => {
    // In parallel, because each has a network of its own.
    if (runs.size === 0) for (const run of await Promise.all(everybody.map(watch))) runs.set(run.user, run);
  });
  const run = (): Run => runs.get(user)!;
  const figure = (scene: string, name: string): FigureFact => {
    const found = only(run().facts, 'figure').find((fact) => fact.scene === scene && fact.name === name);
    if (!found) throw new Error(`no ${name} in the scene ${scene}`);
    return found;
  };
  const arrivals = (): (readonly [number, number])[] =>
    only(run().facts, 'arrivals').flatMap(({ log }) => log);

  it('exits without a key', () => {
    expect(run().errors).toBe('');
    expect(run().code).toBe(0);
    const problems = run().facts.map((fact) => line.safeParse(fact).error);
    expect(problems.flatMap((error) => (error ? [z.prettifyError(error)] : []))).toEqual([]);
    expect(only(run().facts, 'scene').map(({ name }) => name)).toEqual(SCENES);
  });

  it('receives every byte that was sent', () => {
    const [end] = only(run().facts, 'end');
    expect(end?.received).toBe(end?.sent);
    expect(end?.received).toBeGreaterThan(10_000_000);
    expect(arrivals().reduce((sum, [, bytes]) => sum + bytes, 0)).toBe(end?.received);
  });

  it('takes stalls from the receiver’s log', () => {
    const stalls = only(run().facts, 'figure').filter(({ name }) => name === 'stall');
    expect(stalls.length).toBe(7);
    for (const stall of stalls) {
      const [from, to] = stall.window!;
      const gaps = arrivals()
        .map(([at], i, all) => [at, all[i + 1]?.[0] ?? at] as const)
        .filter(([earlier, later]) => later >= from && earlier <= to)
        .map(([earlier, later]) => later - earlier);
      expect(stall.milliseconds).toBeCloseTo(Math.max(...gaps), 1);
      expect(stall.to - stall.from).toBeCloseTo(stall.milliseconds, 1);
    }
  });

  it('adds up the stalls from the receiver’s log', () => {
    for (const scene of ['dead', 'alone']) {
      const { window, milliseconds, count } = figure(scene, 'stalls');
      const log = arrivals();
      const gaps = log
        .slice(1)
        .map(([at], i) => [log[i]![0], at - log[i]![0]] as const)
        .filter(([earlier, lasted]) => earlier >= window![0] && earlier <= window![1] && lasted >= 100);
      expect(count).toBe(gaps.length);
      const sum = gaps.reduce((all, [, lasted]) => all + lasted, 0);
      expect(Math.abs(milliseconds - sum)).toBeLessThan(0.1);
    }
  });

  it('detects the dead path by unanswered data', () => {
    const from = only(run().facts, 'scene').find(({ name }) => name === 'dead')!.at;
    const changes = only(run().facts, 'uplink').filter(
      ({ interface: name, at }) => name === 'eth0' && at >= from,
    );
    expect(changes[0]).toMatchObject({ state: 'suspect' });
    expect(changes[0]!.reason).toMatch(/^no answer for \d+ ms while data was waiting/);
    const carrier = only(run().facts, 'link').filter(
      ({ interface: name, at }) => name === 'eth0' && at >= from,
    );
    expect(carrier).toEqual([]);
  });

  it('the stall includes the loss of carrier', () => {
    const [from, to] = figure('pulled', 'stall').window!;
    const pulled = only(run().facts, 'link').find(
      ({ interface: name, state, at }) => name === 'eth0' && state === 'no carrier' && at >= from,
    );
    expect(pulled!.at).toBeLessThan(to);
  });

  it('reports joins at the same time as ip(8)', () => {
    const { routes, subflows } = run().oracle;
    const route = routes.find(({ text }) => /^default .* dev wwan0 proto dhcp/.test(text));
    const joins = subflows.filter(({ text }) => text.includes('SF_ESTABLISHED'));
    expect(joins.slice(0, 2).map(({ text }) => /saddr4=(\S+)/.exec(text)?.[1])).toEqual([
      '198.51.100.10',
      '192.0.2.10',
    ]);
    const took = joins[0]!.time - route!.time;
    expect(Math.abs(took - figure('modem', 'join').milliseconds)).toBeLessThan(APART);
  });

  it('signals the backup flag to the server', () => {
    const subflows = only(run().facts, 'subflow').filter(
      ({ side, event, initial }) => side === 'server' && event === 'established' && !initial,
    );
    // After these the dead path is tried again.
    expect(subflows.slice(0, 2).map(({ interface: name, backup }) => [name, backup])).toEqual([
      ['wwan0', true],
      ['eth0', false],
    ]);
  });

  it('counts the same bytes as ip(8)', () => {
    const samples = only(run().facts, 'sample');
    const { readings } = run().oracle;
    expect(readings.length).toBeGreaterThan(10);
    for (const { after, before, received } of readings)
      for (const name of ['eth0', 'wwan0']) {
        const earlier = samples[after]?.links[name]?.received ?? 0;
        // The next sample may already have been sent.
        const later = samples[before + 1]?.links[name]?.received;
        if (received[name] === undefined || later === undefined) continue;
        expect(received[name]).toBeGreaterThanOrEqual(earlier);
        expect(received[name]).toBeLessThanOrEqual(later);
      }
  });

  it('bytes of the links equal the stream and its headers', () => {
    const [end] = only(run().facts, 'end');
    const carried = Object.values(end!.links).reduce((sum, { received }) => sum + received, 0);
    expect(carried).toBeGreaterThan(end!.received);
    expect(carried).toBeLessThan(end!.received * 1.1);
  });

  it('moves the data to the modem and back', () => {
    const carriedIn = (scene: string, name: string): number => {
      const [from, to] = figure(scene, 'stall').window!;
      // The first sample after the cut may be late, and has what the other link carried before.
      const inside = only(run().facts, 'sample').filter(({ at }) => at >= from && at <= to);
      const [first, last] = [inside[0]?.links[name], inside.at(-1)?.links[name]];
      return (last?.received ?? 0) - (first?.received ?? 0);
    };
    expect(carriedIn('pulled', 'wwan0')).toBeGreaterThan(carriedIn('pulled', 'eth0'));
    expect(carriedIn('back', 'eth0')).toBeGreaterThan(0);
    expect(carriedIn('modem', 'eth0')).toBeGreaterThan(carriedIn('modem', 'wwan0'));
  });

  it('uses the shipped rules and runs the hook', () => {
    const active = only(run().facts, 'uplink').filter(({ state }) => state === 'active');
    const rules = new Set(
      active.map((fact) => `${fact.interface} ${fact.rule?.glob} ${fact.flags.join(' ')}`),
    );
    expect([...rules]).toEqual(['eth0 en*|eth* subflow', 'wwan0 ww*|bnep* subflow backup']);
    const hooks = only(run().facts, 'hook').map(({ interface: name, action }) => `${name} ${action}`);
    const ups = hooks.filter((word) => /up$|down$/.test(word) && !word.includes('link'));
    // The daemon that was halted may find the path dead or working.
    expect(ups.slice(0, 6)).toEqual([
      ...['eth0 up', 'wwan0 up', 'eth0 down', 'eth0 up'],
      ...['eth0 down', 'eth0 up'],
    ]);
    expect(ups.at(-1)).toBe('wwan0 down');
  });
});

async function watch(user: User): Promise<Run> {
  const oracle = new Oracle();
  const performed = await perform(user, (fact, inside) => oracle.record(fact, inside));
  await oracle.end();
  return { ...performed, user, oracle };
}
