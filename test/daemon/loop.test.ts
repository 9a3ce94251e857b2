/** Events that arrive during a pass of the loop; on the model kernel, where their time can be chosen. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { NetlinkError } from '../../src/netlink/error.ts';
import { configuration, rule } from '../model/configurations.ts';
import { OPENINGS } from '../model/histories.ts';
import { Host } from '../model/host.ts';
import type { Step } from '../model/steps.ts';
import { applyStep } from '../model/apply-step.ts';
import { Fixture } from '../model/fixture.ts';

vi.mock('../../src/snapshot/driver.ts', () => ({ readDevice: async () => ({ driver: null, path: null }) }));

let host: Host;
let fixture: Fixture;

beforeEach(async () => {
  host = new Host(configuration([rule('eth*'), rule('wwan*')]));
  fixture = new Fixture(host);
  // Each event is delivered at once.
  host.random.below = () => 0;
  host.start();
  for (const step of OPENINGS.two) await applyStep(host, fixture, step);
  await host.settle();
  host.warnings.length = 0;
});
afterEach(() => host.end());

const change = (...steps: Step[]): void => {
  for (const step of steps) fixture.change(step);
};

const SECOND: Step[] = [
  { op: 'link', slot: 1, to: 'up', when: 0 },
  { op: 'address', slot: 1, which: 0, to: 'permanent', when: 0 },
  { op: 'default', slot: 1, family: 'ipv4', gateway: 0, metric: 50, verb: 'add', when: 0 },
];
const PAUSE = { files: null };

const hasEndpoint = (address: string): boolean =>
  host.kernel.state.endpoints.some((each) => each.address === address);

/** Runs in the middle of the next pass. */
function amidst(run: () => void): void {
  host.daemon.requester.midway = () => {
    host.daemon.requester.midway = () => undefined;
    run();
  };
}

test('a refused action is retried at an event during a pass with other actions', async () => {
  const { requester } = host.daemon;
  const request = requester.request.bind(requester);
  requester.request = async (asked) => {
    if (/^route add .*eth1/.test(asked.operation))
      throw new NetlinkError({
        operation: asked.operation,
        errno: 101,
        kernelText: 'Nexthop has invalid gateway',
      });
    return request(asked);
  };
  change(...SECOND);
  await host.settle();
  expect(hasEndpoint('10.2.0.1')).toBe(false);
  requester.request = request;
  change({ op: 'delete policy rule', nth: 0, when: 0 });
  amidst(() => change({ op: 'address', slot: 1, which: 1, to: 'permanent', when: 0 }));
  // Less than the five seconds after which it would be retried without an event.
  await host.settle();
  expect(hasEndpoint('10.2.0.1')).toBe(true);
});

test('a failed pass keeps the pending events of each link', async () => {
  // Waits until the events of the start are no longer recent.
  await host.pass(2_000);
  const { requester, loop } = host.daemon;
  const dump = requester.dump.bind(requester);
  requester.dump = async ({ operation }) => {
    requester.dump = dump;
    throw new NetlinkError({ operation, errno: 105, kernelText: 'answers were lost' });
  };
  host.losesEvents = true;
  // The kernel removes the routes silently; the only event is that the link was down.
  change(
    { op: 'link', slot: 0, to: 'down', when: 0 },
    { op: 'link', slot: 0, to: 'up', when: 0 },
    { op: 'default', slot: 0, family: 'ipv4', gateway: 0, metric: 100, verb: 'add', when: 0 },
  );
  host.losesEvents = false;
  loop.wake(['links', 'addresses', 'routes'], [fixture.link(0)!.index]);
  await host.pass(1_000);
  expect(host.warnings.filter((each) => each.includes('another program removed it'))).toEqual([]);
  expect(host.warnings).toEqual([expect.stringMatching(/^a pass failed and is tried again/)]);
});

test('flush lists what it removed, not what was added meanwhile', async () => {
  const { requester, loop } = host.daemon;
  const request = requester.request.bind(requester);
  let flushed: Promise<{ done: string[] }> | null = null;
  requester.request = async (asked) => {
    if (asked.operation.startsWith('endpoint add')) flushed ??= loop.flush(PAUSE);
    return request(asked);
  };
  change(...SECOND);
  await host.settle();
  const { done } = await flushed!;
  expect(done.filter((each) => / add /.test(each))).toEqual([]);
  expect(done.filter((each) => each.startsWith('endpoint delete'))).toHaveLength(3);
});

test('a flush killed at its start is continued by the next daemon', async () => {
  void host.daemon.loop.flush(PAUSE);
  host.kill();
  await host.settle();
  expect(host.paused).toBe(true);
  expect(host.kernel.state.endpoints).toEqual([]);
});

test('settled() resolves after one pass if there is nothing to do', async () => {
  const { loop } = host.daemon;
  const waits = [loop.settled()];
  loop.wake(['addresses']);
  waits.push(
    loop.settled(),
    loop
      .flush(PAUSE)
      .then(() => loop.flush(PAUSE))
      .then(() => undefined),
  );
  let over = 0;
  for (const each of waits) void each.then(() => over++);
  await host.settle();
  expect(over).toBe(3);
});

test('settled() is not delayed by events during the pass', async () => {
  const { requester, loop } = host.daemon;
  requester.midway = () => loop.wake(['addresses'], [fixture.link(0)!.index]);
  let ready = false;
  loop.wake(['addresses']);
  void loop.settled().then(() => (ready = true));
  for (let looks = 0; looks < 20 && !ready; looks++) {
    for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve));
    host.daemon.clock.step(250);
  }
  requester.midway = () => undefined;
  expect(ready).toBe(true);
});

test('the endpoint of a lost link is deleted before routes and addresses are read', async () => {
  change(...SECOND);
  await host.settle();
  const operations = recordOperations();
  change({ op: 'link', slot: 1, to: 'no carrier', when: 0 });
  await host.settle();
  expect(operations.slice(0, operations.findIndex((each) => each.startsWith('endpoint delete')) + 1)).toEqual(
    [
      ...[1, 0, 3].map((slot) => `link show if${fixture.link(slot)!.index}`),
      'endpoint show',
      expect.stringMatching(/^endpoint show id/),
      expect.stringMatching(/^endpoint delete 10\.2\.0\.1 /),
    ],
  );
});

test('links that are lost together keep their endpoints, since no other path is left', async () => {
  change(...SECOND);
  await host.settle();
  change(...[0, 1, 3].map((slot): Step => ({ op: 'link', slot, to: 'no carrier', when: 0 })));
  await host.settle();
  expect(['10.1.0.1', '10.2.0.1', '10.4.0.1'].filter(hasEndpoint)).toHaveLength(3);
});

/** Records the operations that the daemon asks for from now on. */
function recordOperations(): string[] {
  const { requester } = host.daemon;
  const operations: string[] = [];
  const [request, dump] = [requester.request.bind(requester), requester.dump.bind(requester)];
  requester.request = (asked) => {
    operations.push(asked.operation);
    return request(asked);
  };
  requester.dump = (asked) => {
    operations.push(asked.operation);
    return dump(asked);
  };
  return operations;
}
