/**
 * Objects that other programs remove are restored ten times in a burst and then once in five seconds; only then
 * do they count as contested.
 */
import { describe, expect, test } from 'vitest';
import { RestoreLimiter } from '../../src/daemon/restore-limiter.ts';
import { objectKey, type Action } from '../../src/actions/action.ts';

const NONE: ReadonlySet<number> = new Set();

const policyRule = (kind: 'add' | 'delete', priority = 8684): Action => ({
  kind: `policy-rule ${kind}`,
  policyRule: {
    ...{ family: 'ipv4', source: '192.0.2.10', sourceLength: 32, priority },
    ...{ table: 86_840_002, suppressPrefixLength: null, protocol: 86 },
  },
});

const route = (kind: 'add' | 'append' | 'delete', gateway = '192.0.2.1'): Action => ({
  kind: `route ${kind}`,
  device: 'eth0',
  route: {
    ...{ family: 'ipv4', destination: null, prefixLength: 0, table: 86_840_002, protocol: 86, metrics: null },
    hop: { ifindex: 2, gateway, onlink: false },
  },
});

/** After the delay before a restoration. */
function allow(
  limiter: RestoreLimiter,
  ...given: Parameters<RestoreLimiter['allow']>
): ReturnType<RestoreLimiter['allow']> {
  limiter.skipPauses();
  return limiter.allow(...given);
}

/** Returns how many of `count` attempts, one each `every` milliseconds, are allowed. */
function tries(limiter: RestoreLimiter, action: Action, count: number, every: number, from = 0): number {
  let allowed = 0;
  for (let i = 0; i < count; i++) {
    const found = allow(limiter, [action], NONE, from + i * every);
    allowed += found.allowed.length;
    for (const each of found.allowed) limiter.done(each);
  }
  return allowed;
}

describe('restored objects', () => {
  test('an object that was never in place is not restored', () => {
    expect(allow(new RestoreLimiter(), [policyRule('add')], NONE, 0)).toMatchObject({
      restored: [],
      wait: null,
    });
  });

  test('an object that another program removed is restored', () => {
    const limiter = new RestoreLimiter();
    limiter.done(policyRule('add'));
    expect(allow(limiter, [policyRule('add')], NONE, 0).restored).toEqual([policyRule('add')]);
  });

  test('an object that the daemon removed is not restored', () => {
    const limiter = new RestoreLimiter();
    limiter.done(policyRule('add'));
    limiter.done(policyRule('delete'));
    expect(allow(limiter, [policyRule('add')], NONE, 0).restored).toEqual([]);
  });

  test('an object that the same pass deletes and adds is not restored', () => {
    const limiter = new RestoreLimiter();
    limiter.done(policyRule('add'));
    const both = [policyRule('delete'), policyRule('add')];
    expect(allow(limiter, both, NONE, 0)).toMatchObject({ allowed: both, restored: [] });
  });

  test('a route that was replaced, then removed by the daemon, is not restored', () => {
    const limiter = new RestoreLimiter();
    limiter.done(route('add', '192.0.2.1'));
    limiter.done(route('append', '192.0.2.2'));
    limiter.done(route('delete', '192.0.2.2'));
    expect(allow(limiter, [route('add', '192.0.2.1')], NONE, 0).restored).toEqual([]);
  });

  test('a replacement that another program removed is restored', () => {
    const limiter = new RestoreLimiter();
    limiter.done(route('add', '192.0.2.1'));
    limiter.done(route('append', '192.0.2.2'));
    expect(allow(limiter, [route('add', '192.0.2.2')], NONE, 0).restored).toEqual([
      route('add', '192.0.2.2'),
    ]);
  });

  test('after an event of its link: a policy rule counts as removed by a program, a route does not', () => {
    const limiter = new RestoreLimiter();
    limiter.done(route('add'));
    limiter.done(policyRule('add'));
    expect(allow(limiter, [route('add'), policyRule('add')], new Set([2]), 0).restored).toEqual([
      policyRule('add'),
    ]);
    // Even long after: no program removed it.
    expect(allow(limiter, [route('add')], NONE, 0).restored).toEqual([]);
    limiter.done(route('add'));
    expect(allow(limiter, [route('add')], null, 0).restored).toEqual([]);
    limiter.done(route('add'));
    expect(allow(limiter, [route('add')], new Set([3]), 0).restored).toEqual([route('add')]);
  });

  test('are restored at most ten times in a burst', () => {
    const limiter = new RestoreLimiter();
    limiter.done(policyRule('add'));
    expect(tries(limiter, policyRule('add'), 100, 1)).toBe(10);
  });

  test('are then restored once in 5 s, with a warning', () => {
    const limiter = new RestoreLimiter();
    limiter.done(policyRule('add'));
    tries(limiter, policyRule('add'), 10, 0);
    expect(allow(limiter, [policyRule('add')], NONE, 0)).toEqual({
      allowed: [],
      restored: [],
      wait: 5_000,
      contestedWait: 5_000,
    });
    expect(allow(limiter, [policyRule('add')], NONE, 4_000).wait).toBeCloseTo(1_000);
    expect(tries(limiter, policyRule('add'), 60, 1_000, 5_000)).toBe(12);
  });

  test('are restored ten times again after a minute without removals', () => {
    const limiter = new RestoreLimiter();
    limiter.done(policyRule('add'));
    tries(limiter, policyRule('add'), 10, 0);
    expect(tries(limiter, policyRule('add'), 20, 0, 60_000)).toBe(10);
  });

  test('each object has its own count', () => {
    const limiter = new RestoreLimiter();
    limiter.done(policyRule('add'));
    limiter.done(policyRule('add', 8682));
    tries(limiter, policyRule('add'), 10, 0);
    const found = allow(limiter, [policyRule('add'), policyRule('add', 8682)], NONE, 0);
    expect(found.allowed).toEqual([policyRule('add', 8682)]);
  });
});

describe('an object that another program removed', () => {
  const removed = (action: Action): RestoreLimiter => {
    const limiter = new RestoreLimiter();
    limiter.done(action);
    return limiter;
  };

  test.each([policyRule('add'), route('add')])('is restored 250 ms later: $kind', (action) => {
    const limiter = removed(action);
    expect(limiter.allow([action], NONE, 1_000)).toEqual({
      ...{ allowed: [], restored: [], wait: 250, contestedWait: null },
    });
    expect(limiter.allow([action], NONE, 1_100)).toMatchObject({
      allowed: [],
      wait: 150,
      contestedWait: null,
    });
    expect(limiter.allow([action], NONE, 1_250)).toMatchObject({ restored: [action], wait: null });
  });

  test('waits each time', () => {
    const limiter = removed(policyRule('add'));
    for (const at of [0, 1_000, 2_000]) {
      expect(limiter.allow([policyRule('add')], NONE, at).wait).toBe(250);
      for (const action of limiter.allow([policyRule('add')], NONE, at + 250).allowed) limiter.done(action);
    }
  });

  test('waits again if it was back in between', () => {
    const limiter = removed(policyRule('add'));
    limiter.allow([policyRule('add')], NONE, 0);
    limiter.allow([], NONE, 100);
    expect(limiter.allow([policyRule('add')], NONE, 5_000).wait).toBe(250);
  });

  test('delays no other object', () => {
    const limiter = removed(policyRule('add'));
    const other = policyRule('add', 8682);
    expect(limiter.allow([policyRule('add'), other], NONE, 0).allowed).toEqual([other]);
  });

  test('is restored at once on a user’s request, once', () => {
    const limiter = removed(policyRule('add'));
    limiter.skipPauses();
    expect(limiter.allow([policyRule('add')], NONE, 0).restored).toEqual([policyRule('add')]);
    limiter.done(policyRule('add'));
    expect(limiter.allow([policyRule('add')], NONE, 0).wait).toBe(250);
  });

  test('is restored at once if it is a route and its link had an event', () => {
    const limiter = removed(route('add'));
    expect(limiter.allow([route('add')], new Set([2]), 0).allowed).toEqual([route('add')]);
  });
});

describe('contested objects', () => {
  const object = objectKey(policyRule('add'))!;
  const contested = (): RestoreLimiter => {
    const limiter = new RestoreLimiter();
    limiter.done(policyRule('add'));
    return limiter;
  };

  test('none while a burst is enough', () => {
    const limiter = contested();
    tries(limiter, policyRule('add'), 10, 1);
    expect(limiter.contested(10)).toEqual({ objects: new Set(), until: null });
  });

  test('those removed after a burst, for ten seconds after the last removal', () => {
    const limiter = contested();
    tries(limiter, policyRule('add'), 11, 0);
    expect(limiter.contested(0)).toEqual({ objects: new Set([object]), until: 10_000 });
    // Restored and removed again.
    tries(limiter, policyRule('add'), 1, 0, 6_000);
    expect(limiter.contested(15_000)).toEqual({ objects: new Set([object]), until: 1_000 });
    expect(limiter.contested(16_000)).toEqual({ objects: new Set(), until: null });
  });

  test('the same set while nothing changes', () => {
    const limiter = contested();
    tries(limiter, policyRule('add'), 11, 0);
    expect(limiter.contested(1)).not.toBe(limiter.contested(20_000));
    expect(limiter.contested(20_000).objects).toBe(limiter.contested(20_001).objects);
    tries(limiter, policyRule('add'), 11, 0, 20_002);
    expect(limiter.contested(20_002).objects).toBe(limiter.contested(20_003).objects);
  });

  test('none that the daemon removed', () => {
    const limiter = contested();
    tries(limiter, policyRule('add'), 11, 0);
    limiter.done(policyRule('delete'));
    expect(limiter.contested(1).objects).toEqual(new Set());
  });
});
