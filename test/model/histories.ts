/** Generators of histories for fast-check. */
import fc from 'fast-check';
import type { Family } from '../../src/netlink/ip.ts';
import { CONFIGURATIONS, type ConfigurationChoice } from './configurations.ts';
import { ADDRESSES, GATEWAYS, NAMES, type Op, type Step } from './steps.ts';

const slot = fc.nat({ max: 3 });
/** The link of the last slot is no uplink in any configuration. */
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
    'temporary' as const,
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
      gateway: fc.constantFrom(0, 1),
      metric: fc.constantFrom(0, 100),
      verb: fc.constant('replace' as const),
      source: fc.constantFrom(0, 1, 2),
    }),
  },
  {
    weight: 2,
    arbitrary: of('multipath', {
      slots: fc.constantFrom([0, 1] as const, [0, 3] as const, [2, 1] as const),
      family,
      metric: fc.constantFrom(0, 50, 300),
      verb: fc.constantFrom('add' as const, 'add' as const, 'delete' as const),
    }),
  },
  {
    weight: 2,
    arbitrary: of('nexthop', {
      slot: anySlot,
      family,
      gateway: fc.constantFrom(0, 1, 3),
      metric: fc.constantFrom(0, 50, 300),
      verb: fc.constantFrom('add' as const, 'add' as const, 'delete' as const),
    }),
  },
  {
    weight: 1,
    arbitrary: of('advertised', {
      slot: anySlot,
      gateway: fc.constantFrom(0, 1),
      lifetime: fc.constantFrom(0, 5, 40, 3600),
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
  of('implicit endpoint', { nth: fc.nat({ max: 19 }) }),
  of('implicit endpoint', { nth: fc.nat({ max: 19 }) }),
  of('replace endpoint', {
    nth: fc.nat({ max: 9 }),
    how: fc.constantFrom('device' as const, 'flags' as const, 'address' as const, 'same' as const),
  }),
  of('route in own table', {
    slot,
    family,
    what: fc.constantFrom('default' as const, 'subnet' as const),
    metric: fc.constantFrom(0, 0, 50),
    verb: fc.constantFrom('add' as const, 'delete' as const),
  }),
  of('delete endpoint', { nth: fc.nat({ max: 9 }) }),
  of('change endpoint', { nth: fc.nat({ max: 9 }) }),
  of('delete policy rule', { nth: fc.nat({ max: 9 }) }),
  of('delete route', { nth: fc.nat({ max: 9 }) }),
  of('policy rule', { slot, kind: fc.nat({ max: 8 }) }),
  of('remove policy rules', {}),
  of('limits', { subflows: fc.nat({ max: 8 }), addAddrAccepted: fc.nat({ max: 8 }) }),
);
const links = fc.oneof(
  of('recreate', { slot, sameIndex: fc.boolean() }),
  of('rename', { slot, name: fc.nat({ max: NAMES.length - 1 }) }),
);
const configurationChoice = {
  configuration: fc.nat({ max: CONFIGURATIONS.length - 1 }),
  bypass: fc.constantFrom(0, 0, 1, 2, 3),
};
const daemonOperation = fc.oneof(
  of('reload', configurationChoice),
  fc.constantFrom(
    { op: 'kill' as const },
    { op: 'restart' as const },
    { op: 'lose events' as const },
    { op: 'overrun' as const },
  ),
  of('crash', { after: fc.nat({ max: 9 }), answerLost: fc.boolean() }),
  of('crash', { after: fc.nat({ max: 9 }), answerLost: fc.boolean() }),
  of('lose answers', { count: fc.nat({ max: 3 }) }),
  of('time', { milliseconds: fc.constantFrom(10, 1000, 6000, 31_000) }),
);
const tunnel = of('tunnel', {
  form: fc.constantFrom(...(['rule', 'early rule', 'main', 'split', 'networks'] as const)),
  verb: fc.constantFrom('add' as const, 'delete' as const, 'delete' as const),
});
const flush = fc.constant({ op: 'flush' as const });

const op = fc.oneof(
  { weight: 5, arbitrary: link },
  { weight: 8, arbitrary: address },
  { weight: 10, arbitrary: route },
  { weight: 9, arbitrary: neighbour },
  { weight: 2, arbitrary: links },
  { weight: 4, arbitrary: daemonOperation },
  { weight: 1, arbitrary: flush },
  { weight: 2, arbitrary: tunnel },
) as fc.Arbitrary<Op>;

const when = fc.oneof(
  { weight: 3, arbitrary: fc.constant('settled' as const) },
  { weight: 3, arbitrary: fc.nat({ max: 12 }) },
  { weight: 2, arbitrary: fc.constant('midway' as const) },
);

export interface History extends ConfigurationChoice {
  /** The kernel replies to additions like 6.1. */
  readonly misreports: boolean;
  /** Unless 0, events are delayed and reordered, and dumps are reordered and delayed. */
  readonly noise: number;
  /** Milliseconds that each hook takes. */
  readonly slowness: number;
  readonly steps: readonly Step[];
  /** The steps that come first. */
  readonly opening: 'none' | 'two' | 'many';
}

const uplink = (slot: number, metric: number, which: number, family: Family): readonly Step[] => [
  { op: 'link', slot, to: 'up', when: 'settled' },
  { op: 'address', slot, which, to: 'permanent', when: 'settled' },
  { op: 'default', slot, family, gateway: 0, metric, verb: 'add', when: 'settled' },
];

/** Working uplinks for the start of short histories: two, or as many as the kernel has slots for endpoints. */
export const OPENINGS: Readonly<Record<History['opening'], readonly Step[]>> = {
  none: [],
  two: [...uplink(0, 100, 0, 'ipv4'), ...uplink(3, 200, 0, 'ipv4')],
  many: [3, 1, 0, 2].flatMap((slot) => [
    ...uplink(slot, 100 * slot, 0, 'ipv4'),
    ...uplink(slot, 100 * slot, 5, 'ipv6'),
  ]),
};

export const histories: fc.Arbitrary<History> = fc.record({
  ...configurationChoice,
  misreports: fc.boolean(),
  noise: fc.oneof(fc.constant(0), fc.nat()),
  slowness: fc.constantFrom(0, 50),
  steps: fc.array(
    fc.tuple(op, when).map(([each, at]) => ({ ...each, when: at }) as Step),
    { minLength: 1, maxLength: 40, size: 'max' },
  ),
  opening: fc.constantFrom('none', 'two', 'many'),
});
