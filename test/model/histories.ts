/** Histories for fast-check, and the whole course of one. */
import fc from 'fast-check';
import { addressFamily } from '../../src/netlink/ip.ts';
import { ALL_PARTS } from '../../src/snapshot/snapshot.ts';
import { CONFIGURATIONS } from './configurations.ts';
import { Host } from './host.ts';
import { faults } from './verdict.ts';
import { ADDRESSES, GATEWAYS, NAMES, type Op, type Step } from './steps.ts';
import { take } from './take.ts';
import { World } from './world.ts';

const slot = fc.nat({ max: 3 });
/** The last slot's link is no uplink by any configuration. */
const anySlot = fc.nat({ max: 4 });
const of = <K extends Op['op'], R extends object>(
  op: K,
  shape: { [P in keyof R]: fc.Arbitrary<R[P]> },
): fc.Arbitrary<{ op: K } & R> =>
  fc.record({ op: fc.constant(op), ...shape }) as unknown as fc.Arbitrary<{ op: K } & R>;

const family = fc.constantFrom('ipv4' as const, 'ipv6' as const);

const link = of('link', {
  slot: anySlot,
  to: fc.constantFrom(
    'up' as const,
    'up' as const,
    'absent' as const,
    'down' as const,
    'no carrier' as const,
  ),
});
const address = of('address', {
  slot: anySlot,
  which: fc.nat({ max: ADDRESSES - 1 }),
  to: fc.constantFrom(
    'permanent' as const,
    'permanent' as const,
    'absent' as const,
    'tentative' as const,
    'deprecated' as const,
  ),
});
const route = fc.oneof(
  {
    weight: 6,
    arbitrary: of('default', {
      slot: anySlot,
      family,
      gateway: fc.nat({ max: GATEWAYS - 1 }),
      metric: fc.constantFrom(0, 100, 200),
      verb: fc.constantFrom('add' as const, 'replace' as const, 'delete' as const),
    }),
  },
  {
    weight: 1,
    arbitrary: of('default', {
      slot,
      family: fc.constant('ipv4' as const),
      gateway: fc.nat({ max: GATEWAYS - 1 }),
      metric: fc.constant(0),
      verb: fc.constantFrom('add' as const, 'delete' as const),
      table: fc.constant(77 as const),
    }),
  },
  {
    weight: 1,
    arbitrary: of('split', {
      slot: fc.constant(4),
      verb: fc.constantFrom('add' as const, 'delete' as const),
    }),
  },
);
const neighbour = fc.oneof(
  of('foreign endpoint', { slot, which: fc.nat({ max: ADDRESSES - 1 }), flags: fc.constantFrom(1, 2, 6) }),
  of('take endpoint', { nth: fc.nat({ max: 9 }) }),
  of('change endpoint', { nth: fc.nat({ max: 9 }) }),
  of('take policy rule', { nth: fc.nat({ max: 9 }) }),
  of('take route', { nth: fc.nat({ max: 9 }) }),
  of('policy rule', { slot, kind: fc.nat({ max: 4 }) }),
  of('remove policy rules', {}),
  of('limits', { subflows: fc.nat({ max: 8 }), addAddrAccepted: fc.nat({ max: 8 }) }),
);
const links = fc.oneof(
  of('recreate', { slot, sameIndex: fc.boolean() }),
  of('rename', { slot, name: fc.nat({ max: NAMES.length - 1 }) }),
);
const ours = fc.oneof(
  of('reload', { configuration: fc.nat({ max: CONFIGURATIONS.length - 1 }) }),
  fc.constantFrom(
    { op: 'kill' as const },
    { op: 'restart' as const },
    { op: 'deaf' as const },
    { op: 'hear' as const },
  ),
  of('crash', { after: fc.nat({ max: 9 }) }),
  of('lose answers', { count: fc.nat({ max: 3 }) }),
  of('time', { milliseconds: fc.constantFrom(10, 1000, 6000, 31_000) }),
);
const flush = fc.constant({ op: 'flush' as const });

const op = fc.oneof(
  { weight: 5, arbitrary: link },
  { weight: 8, arbitrary: address },
  { weight: 8, arbitrary: route },
  { weight: 5, arbitrary: neighbour },
  { weight: 2, arbitrary: links },
  { weight: 4, arbitrary: ours },
  { weight: 1, arbitrary: flush },
) as fc.Arbitrary<Op>;

const when = fc.oneof(
  { weight: 3, arbitrary: fc.constant('settled' as const) },
  { weight: 3, arbitrary: fc.nat({ max: 12 }) },
  { weight: 1, arbitrary: fc.constant('midway' as const) },
);

export interface History {
  readonly configuration: number;
  /** The kernel answers additions as 6.1 does. */
  readonly lies: boolean;
  /** Milliseconds that each hook takes. */
  readonly slowness: number;
  readonly steps: readonly Step[];
  /** Whether OPENING comes first. */
  readonly opening: boolean;
}

/** Starts with two uplinks that work, so that short histories are worth something. */
export const OPENING: readonly Step[] = [
  { op: 'link', slot: 0, to: 'up', when: 'settled' },
  { op: 'address', slot: 0, which: 0, to: 'permanent', when: 'settled' },
  { op: 'default', slot: 0, family: 'ipv4', gateway: 0, metric: 100, verb: 'add', when: 'settled' },
  { op: 'link', slot: 3, to: 'up', when: 'settled' },
  { op: 'address', slot: 3, which: 0, to: 'permanent', when: 'settled' },
  { op: 'default', slot: 3, family: 'ipv4', gateway: 0, metric: 200, verb: 'add', when: 'settled' },
];

export const histories: fc.Arbitrary<History> = fc.record({
  configuration: fc.nat({ max: CONFIGURATIONS.length - 1 }),
  lies: fc.boolean(),
  slowness: fc.constantFrom(0, 50),
  steps: fc.array(
    fc.tuple(op, when).map(([each, at]) => ({ ...each, when: at }) as Step),
    { minLength: 1, maxLength: 40 },
  ),
  opening: fc.boolean(),
});

/** Longer than all timers: the poll, the limiter's refill, a second try. */
const LONG = 100_000;

/** Lives a history to its end. @returns what was wrong, in sentences */
export async function live(history: History, watch?: (step: Step, host: Host) => void): Promise<string[]> {
  const host = new Host(CONFIGURATIONS[history.configuration]!);
  const world = new World(host);
  const found: string[] = [];
  try {
    host.kernel.lies = history.lies;
    host.audience.slowness = history.slowness;
    host.start();
    for (const step of [...(history.opening ? OPENING : []), ...history.steps]) {
      found.push(...(await takeStep(host, world, step)));
      watch?.(step, host);
    }
    await host.settle();
    host.daemon.line.life = null;
    host.daemon.line.losses = 0;
    host.hearAgain();
    await host.pass(LONG);
    found.push(...faults(host, world));
    found.push(...(await stillness(host)));
    const most = 30 * (history.steps.length + 8) * (1 + host.crashes);
    if (host.kernel.done.length > most)
      found.push(`${host.kernel.done.length} changes for ${history.steps.length} steps`);
  } finally {
    host.end();
  }
  return found;
}

/** Takes one step; where nobody else touched an endpoint and nothing rests, a family that had one keeps one. */
async function takeStep(host: Host, world: World, step: Step): Promise<string[]> {
  if (step.when !== 'settled') {
    await take(host, world, step);
    return [];
  }
  await host.settle();
  const calm = !host.resting && step.op !== 'flush';
  const before = ownedFamilies(host);
  world.meddled = false;
  await take(host, world, step);
  await host.settle();
  if (!calm || world.meddled) return [];
  const after = ownedFamilies(host);
  return [...before]
    .filter((family) => !after.has(family))
    .map((family) => `the last ${family} path was taken away at ${JSON.stringify(step)}`);
}

const ownedFamilies = (host: Host): Set<string> =>
  new Set(
    host.kernel.state.endpoints
      .filter((each) => each.maker === 'daemon')
      .map((each) => addressFamily(each.address)),
  );

/** Another look, and another daemon, do nothing. */
async function stillness(host: Host): Promise<string[]> {
  const before = host.kernel.done.length;
  host.daemon.loop.wake(ALL_PARTS);
  await host.pass(31_000);
  const second = host.kernel.done.slice(before);
  host.kill();
  await host.pass(31_000);
  const third = host.kernel.done.slice(before + second.length);
  return [
    ...second.map((each) => `a second pass: ${each}`),
    ...third.map((each) => `a second daemon: ${each}`),
  ];
}
