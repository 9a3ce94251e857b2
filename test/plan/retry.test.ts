/** Tries of an endpoint for a connection that lost its subflow there, also if the daemon ends in the middle of one. */
import { describe, expect, test } from 'vitest';
import { actionText, type Action } from '../../src/actions/action.ts';
import { recordIntent } from '../../src/actions/transitions.ts';
import { plan } from '../../src/plan/plan.ts';
import { lookupKey } from '../../src/snapshot/snapshot.ts';
import type { PlanHost } from './build.ts';
import { RULES, settled, two } from './two.ts';

/** The actions if a connection with `during` - 1 further subflows lacks one from wwan0's address. */
const tries = (host: PlanHost, during = 1): readonly Action[] =>
  plan(
    { ...host.snapshot, retries: new Map([[lookupKey(3, '10.0.0.5'), during]]) },
    host.configuration,
    host.state,
  ).actions;

describe('a try', () => {
  test('has the flags of the endpoint and a free id, and lowers the limit meanwhile', () => {
    const actions = tries(settled(), 2);
    expect(actions.map(actionText)).toEqual(['endpoint try 0.0.0.0 dev wwan0 subflow,backup id 255']);
    expect(actions[0]).toMatchObject({ subflows: { during: 2, after: 8 } });
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
});
