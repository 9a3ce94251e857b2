/** Order, parallel runs and record of hooks, with a runner of the test in place of processes. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HookDispatcher } from '../../src/hooks/dispatcher.ts';
import { readHookRecord, EMPTY_HOOK_RECORD, type HookRecord } from '../../src/hooks/record.ts';
import type { UplinkFacts } from '../../src/hooks/facts.ts';
import type { HookReport, HookRequest, HookRunner } from '../../src/hooks/runner.ts';
import { link, state, uplink } from './facts.ts';
import { memoryLog } from './memory-log.ts';

const settings = { timeout: 30_000, user: 'root', path: ['/etc/multihomed/hooks.d'] };

/** Runs that are due begin meanwhile. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

/** Holds each run until the test ends it. Other tests run real scripts with the real runner. */
class HeldRunner implements HookRunner {
  readonly begun: HookRequest[] = [];
  readonly #open: { key: string; end: () => void }[] = [];
  together = 0;
  most = 0;

  async run(request: HookRequest): Promise<readonly HookReport[]> {
    const key = request.environment['MULTIHOMED_RULE'] ?? '';
    expect(this.#open.map((run) => run.key)).not.toContain(key);
    this.begun.push(request);
    this.together += 1;
    this.most = Math.max(this.most, this.together);
    await new Promise<void>((end) => this.#open.push({ key, end }));
    this.together -= 1;
    return [];
  }

  /** Ends the nth of the running ones. */
  async end(nth = 0): Promise<void> {
    await settled();
    this.#open.splice(nth % Math.max(1, this.#open.length), 1)[0]?.end();
    await settled();
  }

  async endAll(): Promise<void> {
    await settled();
    while (this.#open.length > 0) await this.end();
  }

  stop(): Promise<void> {
    for (const { end } of this.#open.splice(0)) end();
    return Promise.resolve();
  }
}

function harness(record: HookRecord = EMPTY_HOOK_RECORD) {
  const runner = new HeldRunner();
  const { log, lines } = memoryLog();
  const records: HookRecord[] = [];
  const dispatcher = new HookDispatcher({
    runner,
    settings,
    log,
    record,
    onRecord: (record) => records.push(structuredClone(record)),
  });
  const actions = (): string[] => runner.begun.map(({ action, interface: name }) => `${name} ${action}`);
  return { runner, dispatcher, records, lines, actions };
}

const level = (...facts: UplinkFacts[]): Map<string, UplinkFacts> =>
  new Map(facts.map((one) => [one.rule, one]));

describe('hook dispatcher', () => {
  it('runs up, change and down once each', async () => {
    const { runner, dispatcher, actions } = harness();
    dispatcher.wantUplinks(level(uplink()));
    dispatcher.wantUplinks(level(uplink()));
    await runner.endAll();
    dispatcher.wantUplinks(level(uplink({ gateway: '192.0.2.254' })));
    await runner.endAll();
    dispatcher.wantUplinks(level(), new Map([[uplink().rule, 'carrier lost']]));
    await runner.endAll();
    await dispatcher.idle();
    expect(actions()).toEqual(['wwan0 up', 'wwan0 change', 'wwan0 down']);
    expect(runner.begun[2]?.environment).toMatchObject({
      MULTIHOMED_GATEWAY: '192.0.2.254',
      MULTIHOMED_REASON: 'carrier lost',
    });
  });

  it('runs only the newest of waiting changes, and none that is outdated', async () => {
    const { runner, dispatcher, actions } = harness();
    dispatcher.wantUplinks(level(uplink()));
    for (const last of [2, 3, 4]) dispatcher.wantUplinks(level(uplink({ gateway: `192.0.2.${last}` })));
    await runner.end();
    expect(runner.begun[1]?.environment['IP4_GATEWAY']).toBe('192.0.2.4');
    dispatcher.wantUplinks(level());
    dispatcher.wantUplinks(level(uplink({ gateway: '192.0.2.5' })));
    dispatcher.wantUplinks(level());
    await runner.endAll();
    expect(actions()).toEqual(['wwan0 up', 'wwan0 change', 'wwan0 down']);
  });

  it('runs uplinks in parallel, 16 at most', async () => {
    const { runner, dispatcher } = harness();
    const many = Array.from({ length: 40 }, (_, at) => uplink({ rule: `r${at}`, interface: `eth${at}` }));
    dispatcher.wantUplinks(level(...many));
    await settled();
    expect(runner.together).toBe(16);
    // The last one has not begun; it is removed before it could, so it never runs.
    dispatcher.wantUplinks(level(...many.slice(0, 39)));
    await runner.endAll();
    await dispatcher.idle();
    expect(runner.most).toBe(16);
    expect(runner.begun).toHaveLength(39);
  });

  it('runs actions of links and uplinks in parallel', async () => {
    const { runner, dispatcher, actions } = harness();
    dispatcher.wantLinks(new Map([['7', state({ rule: 'a' })]]));
    dispatcher.wantUplinks(level(uplink({ rule: 'b' })));
    await runner.endAll();
    dispatcher.wantLinks(new Map());
    await runner.endAll();
    expect(actions()).toEqual([
      'wwan0 device-add',
      'wwan0 up',
      'wwan0 link-up',
      'wwan0 link-down',
      'wwan0 device-delete',
    ]);
  });

  it('MULTIHOMED_FAMILIES: families active on the interface when a run begins', async () => {
    const { runner, dispatcher } = harness();
    const six = uplink({ rule: 'six', family: 'ipv6', address: '2001:db8::7' });
    const other = uplink({ rule: 'other', interface: 'eth0', ifindex: 8 });
    dispatcher.wantUplinks(level(uplink(), six, other));
    await runner.endAll();
    dispatcher.wantUplinks(level(uplink()));
    await runner.endAll();
    dispatcher.wantUplinks(level());
    await runner.endAll();
    expect(
      runner.begun.map(({ action, environment }) => [
        environment['MULTIHOMED_RULE'],
        action,
        environment['MULTIHOMED_FAMILIES'],
      ]),
    ).toEqual([
      [uplink().rule, 'up', 'ipv4 ipv6'],
      ['six', 'up', 'ipv4 ipv6'],
      ['other', 'up', 'ipv4'],
      ['six', 'down', 'ipv4'],
      ['other', 'down', ''],
      [uplink().rule, 'down', ''],
    ]);
  });

  it('record of a version without device-add: runs device-add for its links', async () => {
    const { runner, dispatcher, records, actions } = harness({
      uplinks: {},
      links: { 7: link() },
      closing: [],
    });
    dispatcher.wantLinks(new Map([['7', state()]]));
    await runner.endAll();
    expect(actions()).toEqual(['wwan0 device-add']);
    expect(records.at(-1)).toMatchObject({ links: { 7: link() }, devices: { 7: { interface: 'wwan0' } } });
    expect(readHookRecord(JSON.parse(JSON.stringify(records.at(-1))))).toEqual(records.at(-1));
  });

  it('after a restart: runs down for lost uplinks and nothing for unchanged ones', async () => {
    const first = harness();
    const stays = uplink({ rule: 'stays', interface: 'eth0' });
    first.dispatcher.wantUplinks(level(stays, uplink({ rule: 'goes', interface: 'eth1' })));
    await first.runner.endAll();
    const journal: unknown = JSON.parse(JSON.stringify(first.records.at(-1)));
    const second = harness(journal as HookRecord);
    expect(second.actions()).toEqual([]);
    second.dispatcher.wantUplinks(level(stays));
    await second.runner.endAll();
    expect(second.actions()).toEqual(['eth1 down']);
    expect(second.records.at(-1)).toEqual({ uplinks: { stays }, links: {}, devices: {}, closing: [] });
  });

  it('down that was interrupted runs again in the next daemon', async () => {
    const { runner, dispatcher, records, actions } = harness();
    dispatcher.wantUplinks(level(uplink()));
    await runner.endAll();
    dispatcher.wantUplinks(level());
    await settled();
    await dispatcher.stop();
    dispatcher.wantUplinks(level(uplink({ gateway: null })));
    expect(actions()).toEqual(['wwan0 up', 'wwan0 down']);
    expect(records.at(-1)?.uplinks).toEqual({ [uplink().rule]: uplink() });
    const next = harness(JSON.parse(JSON.stringify(records.at(-1))) as HookRecord);
    next.dispatcher.wantUplinks(level(uplink()));
    await next.runner.endAll();
    expect(next.actions()).toEqual(['wwan0 down', 'wwan0 up']);
  });

  it('reads the key `leaving` of an earlier version as `closing`', () => {
    const record = { uplinks: { 7: uplink() }, links: {} };
    expect(readHookRecord({ ...record, leaving: ['7'] })).toEqual({ ...record, closing: ['7'] });
  });

  it('continues when the runner fails', async () => {
    const { log, lines } = memoryLog();
    const runner: HookRunner = {
      run: () => Promise.reject(new Error('no such thing')),
      stop: () => Promise.resolve(),
    };
    const dispatcher = new HookDispatcher({
      runner,
      settings,
      log,
      record: EMPTY_HOOK_RECORD,
      onRecord: () => {},
    });
    dispatcher.wantUplinks(level(uplink()));
    dispatcher.wantUplinks(level());
    await dispatcher.idle();
    expect(lines).toEqual([
      'error hooks of wwan0 up failed: no such thing',
      'error hooks of wwan0 down failed: no such thing',
    ]);
  });

  it('runs no hook for a name with control characters, and warns once', async () => {
    const { dispatcher, runner, lines } = harness();
    const strange = level(uplink({ interface: 'e\u001b[2J' }));
    dispatcher.wantUplinks(strange);
    dispatcher.wantUplinks(strange);
    await settled();
    expect(runner.begun).toEqual([]);
    expect(lines).toEqual([
      'warn no hook runs for "e\\u001b[2J": its name has control characters or is not UTF-8; rename the link',
    ]);
  });

  it('uses new settings after a reload', async () => {
    const { dispatcher, runner } = harness();
    dispatcher.wantUplinks(level(uplink()));
    dispatcher.reload({ timeout: 5, user: 'nobody', path: ['/elsewhere'] });
    await runner.endAll();
    dispatcher.wantUplinks(level());
    await settled();
    expect(runner.begun[1]).toMatchObject({ timeout: 5, user: 'nobody', folders: ['/elsewhere'] });
  });
});

describe('property: any history', () => {
  const wanted = fc.record({ key: fc.constantFrom('a', 'b', 'c'), state: fc.integer({ min: 0, max: 3 }) });
  const step = fc.oneof(wanted, fc.record({ end: fc.nat(9) }));

  it('runs up, change and down in order for each uplink, and ends at the final state', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const { runner, dispatcher, records } = harness();
        const wanted = new Map<string, UplinkFacts>();
        for (const one of steps) {
          if ('end' in one) {
            await runner.end(one.end);
            continue;
          }
          if (one.state === 0) wanted.delete(one.key);
          // Another link with the same name is up at the end: it must run down and up.
          else {
            const port = one.state === 3 ? 1 : one.state;
            wanted.set(one.key, uplink({ rule: one.key, port, ifindex: one.state === 3 ? 9 : 7 }));
          }
          dispatcher.wantUplinks(wanted);
        }
        await runner.endAll();
        await dispatcher.idle();
        for (const key of ['a', 'b', 'c']) {
          const runs = runner.begun.filter(({ environment }) => environment['MULTIHOMED_RULE'] === key);
          expect(runs.map(({ action }) => action).join(' ')).toMatch(
            /^(up( change)* down ?)*(up( change)*)?$/,
          );
          const last = runs.at(-1);
          const port: unknown =
            last === undefined || last.action === 'down'
              ? undefined
              : (JSON.parse(last.environment['MULTIHOMED_JSON'] ?? '') as UplinkFacts).port;
          expect(port).toBe(wanted.get(key)?.port);
        }
        expect(records.at(-1)?.uplinks ?? {}).toEqual(Object.fromEntries(wanted));
      }),
    );
  });
});
