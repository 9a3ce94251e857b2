/** Actions that fail because another program changed the same endpoints after the daemon had read them. */
import { expect } from 'vitest';
import { apply, type Kernel } from '../../src/actions/apply.ts';
import { recordIntent, applyOutcome } from '../../src/actions/transitions.ts';
import { openSession } from '../../src/netlink/session.ts';
import { NetlinkError } from '../../src/netlink/error.ts';
import type { Action } from '../../src/actions/action.ts';
import { EMPTY_STATE, type State } from '../../src/actions/state.ts';
import type { Snapshot } from '../../src/snapshot/snapshot.ts';
import { systemClock } from '../../src/system/clock.ts';
import { test, type Lab } from '../support/lab.ts';

const SLOTS = 8;

const adding = (lab: Lab, address: string, id: number, implicit = false): Action => ({
  kind: 'endpoint add',
  endpoint: { id, address, ifindex: lab.host.index('eth0'), flags: 2, port: 0 },
  device: 'eth0',
  implicit,
});

/** `meanwhile` runs after the kernel's first refusal. @returns the state after the actions */
async function applied(
  lab: Lab,
  actions: readonly Action[],
  meanwhile = (): void => undefined,
): Promise<State> {
  const kernel = await openSession({ clock: systemClock, netns: lab.host.path });
  let refusals = 0;
  const generic: Kernel['generic'] = {
    dump: (request) => kernel.generic.dump(request),
    request: (request) =>
      kernel.generic.request(request).catch((error: unknown) => {
        if (error instanceof NetlinkError && refusals++ === 0) meanwhile();
        throw error;
      }),
  };
  let state = EMPTY_STATE;
  const { route, mptcp } = kernel;
  await apply(
    actions,
    { route, mptcp, generic },
    {
      before: (each) => (state = recordIntent(state, each, {} as Snapshot)),
      after: (outcome) => (state = applyOutcome(state, outcome)),
    },
  );
  kernel.close();
  return state;
}

const fill = (lab: Lab): void => {
  for (let at = 1; at <= SLOTS; at++) lab.host.ip(`mptcp endpoint add 192.0.2.${at} id ${100 + at} signal`);
};

test('slots: the number of endpoints at ENOSPC is kept as the limit', async ({ lab }) => {
  const eth = lab.cable('eth0').connect();
  fill(lab);
  const state = await applied(lab, [adding(lab, eth.address(), 1)]);
  expect(state.slots).toBe(SLOTS);
  expect(state.owned.size).toBe(0);
});

test('slots: no limit is kept if an endpoint is deleted after ENOSPC', async ({ lab }) => {
  const eth = lab.cable('eth0').connect();
  fill(lab);
  const state = await applied(lab, [adding(lab, eth.address(), 1)], () => {
    lab.host.ip('mptcp endpoint del id 108');
  });
  expect(state.slots).toBe(Infinity);
  expect(state.owned.get(1)?.address).toBe(eth.address());
  expect(lab.host.endpoints().find(({ id }) => id === 1)?.address).toBe(eth.address());
});

test('implicit endpoint deleted before its replacement: the kernel assigns the id', async ({ lab }) => {
  const eth = lab.cable('eth0').connect();
  const state = await applied(lab, [adding(lab, eth.address(), 42, true)]);
  const [endpoint] = lab.host.endpoints();
  expect(endpoint?.address).toBe(eth.address());
  expect([...state.owned]).toEqual([[endpoint?.id, expect.objectContaining({ id: endpoint?.id })]]);
});

test('an endpoint whose id is taken meanwhile is not added, and none is deleted', async ({ lab }) => {
  const eth = lab.cable('eth0').connect();
  const both = [adding(lab, eth.address(), 42, true), adding(lab, eth.address(4, 7), 1)];
  const state = await applied(lab, both);
  expect(lab.host.endpointTexts()).toEqual([`${eth.address()} eth0 subflow`]);
  expect([...state.owned.values()].map(({ id, address }) => [id, address])).toEqual([[1, eth.address()]]);
});
