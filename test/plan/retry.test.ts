/** Tries of an endpoint for a connection that lost its subflow there, also if the daemon ends in the middle of one. */
import { describe, expect, test } from 'vitest';
import { actionText, type Action } from '../../src/actions/action.ts';
import type { State } from '../../src/actions/state.ts';
import { applyOutcome, recordIntent } from '../../src/actions/transitions.ts';
import { plan, type Plan } from '../../src/plan/plan.ts';
import { lookupKey } from '../../src/snapshot/snapshot.ts';
import type { PlanHost } from './build.ts';
import { RULES, settled, two } from './two.ts';

/** The plan if a connection with `during` - 1 further subflows lacks one from wwan0's address; null: any connection. */
const planned = (host: PlanHost, during: number | null = 1): Plan =>
  plan(
    { ...host.snapshot, retries: new Map([[lookupKey(3, '10.0.0.5'), during]]) },
    host.configuration,
    host.state,
  );

const tries = (host: PlanHost, during: number | null = 1): readonly Action[] => planned(host, during).actions;

describe('a try', () => {
  test('has the flags of the endpoint and a free id, and lowers the limit meanwhile', () => {
    const actions = tries(settled(), 2);
    expect(actions.map(actionText)).toEqual(['endpoint try 0.0.0.0 dev wwan0 subflow,backup id 255']);
    expect(actions[0]).toMatchObject({ subflows: { during: 2, after: 8 } });
  });

  test('that only shows whether the path works leaves the limit as it is', () => {
    expect(tries(settled(), null)[0]).toMatchObject({ subflows: { during: 8, after: 8 } });
  });

  test('that cannot be made has a reason', () => {
    expect(planned(settled()).retryObstacle).toBeNull();
    expect(planned(settled(), 9).retryObstacle).toBe('limit-reached');
    const full = settled();
    full.state = { ...full.state, slots: 2 };
    expect(planned(full).retryObstacle).toBe('no-free-slot');
    const foreign = settled();
    foreign.limits = { ...foreign.limits, subflows: 5 };
    foreign.pass();
    expect(planned(foreign).retryObstacle).toBe('foreign-limit');
  });

  test.each([
    [
      'the kernel has no room for another endpoint',
      (host: PlanHost) => (host.state = { ...host.state, slots: 2 }),
    ],
    [
      'an administrator has changed the limit',
      (host: PlanHost) => {
        host.limits = { ...host.limits, subflows: 5 };
        host.pass();
      },
    ],
    ['the uplink is not active', (host: PlanHost) => host.turn(3, 'no carrier')],
    ['the limit is lower', (host: PlanHost) => (host.limits = { ...host.limits, subflows: 0 })],
    ['the limit is raised', (host: PlanHost) => (host.limits = { ...host.limits, subflows: 2 })],
  ])('is not made if %s', (_, change) => {
    const host = settled();
    change(host);
    expect(tries(host).filter(({ kind }) => kind === 'endpoint try')).toEqual([]);
  });
});

const WILDCARD = { id: 255, address: '0.0.0.0', ifindex: 3, flags: 6, port: 0 };

describe.each(['auto', 'leave', { subflows: 4, addAddrAccepted: null }] as const)('limits: %j', (setting) => {
  test.each([
    ['before the limit is lowered', false, false],
    ['before the endpoint is added', true, false],
    ['before the limit is set back', true, true],
    ['before the endpoint is deleted', false, true],
  ])('a daemon that ends %s leaves a state that the next one repairs', (_, isLow, isAdded) => {
    const host = settled(two().rules(RULES, setting));
    const [endpoints, limits] = [[...host.endpoints], host.limits];
    host.state = recordIntent(host.state, tries(host)[0]!, host.snapshot);
    if (isLow) host.limits = { ...limits, subflows: 1 };
    if (isAdded) host.endpoints.push(WILDCARD);
    host.settle();
    expect([host.endpoints, host.limits]).toEqual([endpoints, limits]);
    host.rules([], setting).settle();
    expect([host.endpoints, host.limits]).toEqual([[], { subflows: 2, addAddrAccepted: 0 }]);
  });

  test.each([
    ['after a try that leaves the limit', null, {}],
    ['after a try that lowers it', 1, {}],
    ['after a try for which the kernel has no slot', 1, { full: 2 }],
  ])('%s multihomed has raised the same limits as before', (_, during, outcome) => {
    const host = settled(two().rules(RULES, setting));
    const raised = ({ raised: { subflows } }: State) =>
      subflows && { from: subflows.from, to: subflows.to, granted: subflows.granted };
    const before = raised(host.state);
    const action = tries(host, during)[0]!;
    const intended = recordIntent(host.state, action, host.snapshot);
    const after = applyOutcome(intended, { action, error: null, ...outcome });
    expect([raised(after), after.owned]).toEqual([before, host.state.owned]);
  });
});
