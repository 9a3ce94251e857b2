/** Observing the kernel's state, explaining it, and flushing it. */
import { describe, expect, test } from 'vitest';
import { explain } from '../../src/messages/explain.ts';
import { joinsText, reasonText, subflowCounts } from '../../src/messages/reason.ts';
import { flushActions } from '../../src/plan/flush.ts';
import { actionText } from '../../src/actions/action.ts';
import { observe } from '../../src/plan/observe.ts';
import { suspectReason } from '../../src/plan/suspect.ts';
import { RETRY_OBSTACLES } from '../../src/plan/uplink.ts';
import { PlanHost, rule, sourceOf } from './build.ts';
import { settled, two } from './two.ts';

describe('observe', () => {
  test('a deleted endpoint that another program adds again is not owned', () => {
    const host = settled();
    const [eth] = host.endpoints;
    host.withoutEndpoint(1).look();
    host.endpoints.push(eth!);
    expect(host.states).toContain('eth0 192.0.2.10: conflict');
  });

  test('an endpoint with the same id and another address or device is not owned', () => {
    for (const change of [{ address: '198.51.100.7' }, { ifindex: 9 }]) {
      const host = settled();
      host.endpoints = host.endpoints.map((each) => (each.id === 1 ? { ...each, ...change } : each));
      expect(observe(host.state, host.snapshot).owned.has(1)).toBe(false);
    }
  });

  test('a flag that the kernel dropped is not requested again', () => {
    const host = settled(two().rules([rule('eth*', { flags: ['subflow', 'laminar'] })]));
    host.endpoints = host.endpoints.map((each) => ({ ...each, flags: each.flags & ~32 }));
    // No flag is left that makes the kernel connect to addresses of a peer's choice.
    expect(host.settle()).toEqual([['limits set add_addr_accepted 0']]);
    expect(host.state.unknownFlags).toBe(32);
  });

  test('a flag that another program changed is set again', () => {
    const host = settled();
    host.endpoints = host.endpoints.map((each) => ({ ...each, flags: each.flags ^ 4 }));
    expect(host.settle().flat()).toEqual([
      'endpoint change 192.0.2.10 dev eth0 subflow id 1',
      'endpoint change 10.0.0.5 dev wwan0 subflow,backup id 2',
    ]);
  });

  test('an unchanged snapshot returns the same state', () => {
    const host = settled();
    const { snapshot } = host;
    const state = observe(host.state, snapshot);
    expect(observe(state, snapshot)).toBe(state);
  });
});

/** Returns the names of the passed steps, of the one at which it stopped, and the advice. */
function explained(host: PlanHost, name = 'eth0') {
  const explanation = explain(name, sourceOf(host))!;
  const [uplink] = explanation.uplinks;
  const by = (state: string): string[] =>
    (uplink?.steps ?? []).filter((step) => step.state === state).map((step) => step.name);
  return {
    passed: by('passed'),
    stopped: by('stopped'),
    ahead: by('ahead'),
    advice: uplink?.advice,
    explanation,
  };
}

const ALL = [
  'link',
  'address',
  'default route',
  'address free',
  'routes and policy rules',
  'path',
  'slot',
  'endpoint',
];

const STOPS: readonly (readonly [string, () => PlanHost, number, RegExp | null])[] = [
  ['no carrier', () => two().turn(2, 'no carrier'), 0, /connect the cable/],
  ['down', () => two().turn(2, 'down'), 0, /^set the link up$/],
  [
    'tentative',
    () =>
      new PlanHost()
        .link('eth0', 2)
        .address(2, '2001:db8::1/64', { flags: 0x40 })
        .rules([rule('eth*')]),
    1,
    /wait a second or two for duplicate address detection/,
  ],
  ['no default route', () => two().withoutDefault(2), 2, /ip route add default via GATEWAY dev eth0/],
  [
    'a foreign endpoint',
    () => two().endpoint('192.0.2.10', 9),
    3,
    /multihomed doctor" looks for the program/,
  ],
  ['nothing added yet', () => two(), 4, /^the daemon, if it is running, adds what is missing/],
  ['active', () => settled(), 8, null],
];

describe('explain', () => {
  test.each(STOPS)('%s', (_, host, at, advice) => {
    const seen = explained(host());
    expect(seen.passed).toEqual(ALL.slice(0, at));
    expect(seen.stopped).toEqual(ALL.slice(at, at + 1));
    expect(seen.ahead).toEqual(ALL.slice(at + 1));
    if (advice) expect(seen.advice).toMatch(advice);
    else expect(seen.advice).toBeNull();
  });

  test('an interface without an address: passed steps and advice', () => {
    const seen = explained(new PlanHost().link('eth0', 2).rules([rule('eth*')]));
    expect(seen.passed).toEqual(['link']);
    expect(seen.advice).toMatch(/ip address add ADDRESS\/PREFIX dev eth0/);
  });

  test('rules in order: why the earlier ones do not match', () => {
    const { rules } = explained(
      two().rules([rule('wl*'), rule('eth*', { driver: 'cdc_*' }), rule('e*'), rule('*')]),
    ).explanation;
    expect(rules.map(({ glob, matches }) => [glob, matches])).toEqual([
      ['wl*', false],
      ['eth*', false],
      ['e*', true],
    ]);
    expect(rules[1]!.why).toMatch(/driver/);
  });

  test('no rule matches: advises the line to add', () => {
    expect(explained(two().rules([rule('wl*')])).explanation.advice).toMatch(/"eth0": subflow/);
  });

  test('altname finds the interface; an unknown name returns null', () => {
    const host = two().link('eth0', 2, { altnames: ['uplink'] });
    expect(explained(host, 'uplink').explanation.interface).toBe('eth0');
    expect(explain('eth7', sourceOf(host))).toBeNull();
  });
});

describe('flush', () => {
  test('removes all owned objects in order and nothing else', () => {
    const host = settled(two().withoutDefault(3)).endpoint('198.51.100.7', 99);
    host.policyRules.push({ ...host.policyRules[0]!, priority: 100, protocol: 3 });
    expect(flushActions(host.snapshot, host.state).map(actionText)).toEqual([
      'endpoint delete 192.0.2.10 dev eth0 subflow id 1',
      'policy-rule delete from 192.0.2.10 lookup main suppress_prefixlength 1 priority 8682',
      'policy-rule delete from 192.0.2.10 lookup 86840002 priority 8684',
      'route delete 192.0.2.0/24 dev eth0 table 86840002',
      'route delete default via 192.0.2.1 dev eth0 table 86840002',
      'limits set subflows 2',
    ]);
  });

  test('removes lingering endpoints', () => {
    const host = settled(two().withoutDefault(3)).turn(2, 'no carrier');
    expect(flushActions(host.snapshot, host.state).map(actionText)[0]).toMatch(/^endpoint delete 192.0.2.10/);
  });

  test('returns no action if nothing is owned', () => {
    expect(flushActions(two().endpoint('198.51.100.7', 99).snapshot, two().state)).toEqual([]);
  });

  test('nothing is added again until reload', () => {
    const host = two();
    host.state = { ...host.state, paused: { files: null } };
    expect(host.settle()).toEqual([]);
  });
});

const JOINS = { established: 3, failed: 1, streak: 1, last: { errno: 'ETIMEDOUT', at: 0 } };

test('the evidence of an uplink in words', () => {
  const lost = { ...JOINS, lost: 2, lastLoss: { errno: 'ECONNRESET', at: 0 } };
  expect(subflowCounts(lost)).toBe('3 established, 1 failed (ETIMEDOUT), 2 lost (ECONNRESET)');
  expect(RETRY_OBSTACLES.map((obstacle) => subflowCounts({ ...lost, obstacle }).split(': ')[1])).toEqual([
    'the kernel has no free slot for an endpoint',
    'the connection has as many subflows as the limit allows',
    'another program has set the limit of subflows',
    'the kernel uses another source address on this interface',
    'the server refused it twice',
  ]);
  expect(joinsText(lost)).toBe('1 join failed since the last success: ETIMEDOUT');
  expect(joinsText({ ...lost, streak: 0 })).toBeNull();
});

test('why a path is suspect, in words', () => {
  const suspect = { present: true, kept: false, unanswered: 140, strikes: 3, pause: 2_000 };
  expect(reasonText(suspectReason(suspect))).toBe('no answer for 140 ms while data was waiting');
  expect(reasonText(suspectReason({ ...suspect, isSilent: true }))).toBe(
    'no data arrived for 140 ms, and a new subflow got no answer',
  );
  expect(reasonText(suspectReason({ ...suspect, present: false }))).toBe(
    'no answer for 140 ms while data was waiting; it failed often, so it is tried again after 2 s',
  );
  const probe = { targets: ['192.0.2.53'], probes: 5 };
  expect(reasonText(suspectReason({ ...suspect, probe }))).toBe('no answer from 192.0.2.53 for 5 probes');
});
