/** Cycles of changes that make a daemon execute every kind of action, and end in the state in which they started. */
import type { Move, CrashHarness } from './harness.ts';
import { PLAIN, type ExpectedObjects } from './fixture.ts';

export interface Cycle {
  readonly what: string;
  /** A change of the network, not of the configuration. */
  readonly outside: boolean;
  readonly moves: readonly Move[];
}

const reload = (what: string, wanted: ExpectedObjects): Move => ({
  what,
  act(harness) {
    harness.fixture.wanted = wanted;
    harness.reload();
  },
});

const { flags } = PLAIN;
/** Flags that the kernel changes in place, and one for which the endpoint is deleted and added. */
const FLAGS: ExpectedObjects = {
  ...PLAIN,
  flags: { ...flags, eth0: ['subflow', 'fullmesh'], eth1: ['signal'], wwan0: ['subflow'] },
};
const PORT: ExpectedObjects = { ...PLAIN, port: 4434 };
const { eth1: _, ...others } = flags;
const FEWER: ExpectedObjects = { ...PLAIN, flags: others, limits: { subflows: 6, accepted: 5 } };

/** Makes `device` the only uplink of one family with a path. */
const only = (what: string, device: 'eth0' | 'eth1' | null, version: 4 | 6, lingers?: 'eth0'): Move => ({
  what,
  act({ fixture }) {
    const { eth0, eth1, wwan0, wl0 } = fixture.uplinks;
    const all = [eth0, eth1, wwan0, wl0].filter(({ versions }) => versions.includes(version));
    for (const uplink of all)
      if (uplink.device === device && !uplink.routed.has(version)) fixture.route(uplink, version);
    for (const uplink of all)
      if (uplink.device !== device && uplink.routed.has(version)) fixture.unroute(uplink, version);
    fixture.lingering = lingers ? [{ device: lingers, version }] : [];
  },
});

function lingering(version: 4 | 6): Cycle {
  const alone = only('the others lose their way', 'eth0', version);
  const last = only('the last way is lost', null, version, 'eth0');
  return {
    what: `lingering, IPv${version}`,
    outside: true,
    moves: [
      alone,
      { ...last, again: [alone, last] },
      only('another comes', 'eth1', version),
      {
        what: 'all come back',
        act({ fixture }) {
          for (const uplink of Object.values(fixture.uplinks))
            if (uplink.versions.includes(version) && !uplink.routed.has(version))
              fixture.route(uplink, version);
        },
      },
    ],
  };
}

const on = (what: string, act: (fixture: CrashHarness['fixture']) => void): Move => ({
  what,
  act: ({ fixture }) => act(fixture),
});

export const CYCLES: readonly Cycle[] = [
  {
    what: 'flags',
    outside: false,
    moves: [reload('other flags', FLAGS), reload('the flags from before', PLAIN)],
  },
  {
    what: 'port',
    outside: false,
    moves: [reload('another port', PORT), reload('the port from before', PLAIN)],
  },
  {
    what: 'rule',
    outside: false,
    moves: [reload('a rule less, and limits', FEWER), reload('the rule again, and no limits', PLAIN)],
  },
  {
    what: 'gateway',
    outside: true,
    moves: [
      on('another gateway', (fixture) => fixture.turn(fixture.uplinks.eth0, 9)),
      on('the gateway from before', (fixture) => fixture.turn(fixture.uplinks.eth0, 1)),
    ],
  },
  {
    what: 'address',
    outside: true,
    moves: [
      on('another address', (fixture) => fixture.replaceAddress(fixture.uplinks.eth0, 9)),
      on('the address from before', (fixture) => fixture.replaceAddress(fixture.uplinks.eth0, 2)),
    ],
  },
  {
    what: 'carrier',
    outside: true,
    moves: [
      on('carrier lost', (fixture) => fixture.carrier(fixture.uplinks.eth1, false)),
      on('carrier back', (fixture) => fixture.carrier(fixture.uplinks.eth1, true)),
    ],
  },
  {
    what: 'interface',
    outside: true,
    moves: [
      on('interfaces gone', (fixture) => {
        fixture.unplug(fixture.uplinks.wl0);
        fixture.unplug(fixture.uplinks.wwan0);
      }),
      on('interfaces come, with other indices', (fixture) => {
        fixture.plug(fixture.uplinks.wwan0);
        fixture.plug(fixture.uplinks.wl0);
      }),
    ],
  },
  lingering(4),
  lingering(6),
];

/** From no object to all of them, and back. */
export const LIFE: Cycle = {
  what: 'life',
  outside: false,
  moves: [
    {
      what: 'start',
      async before(harness) {
        await harness.stop();
        await harness.flushed();
      },
      act: (harness) => harness.start(),
    },
    {
      what: 'flush',
      async act(harness) {
        harness.fixture.paused = true;
        await harness.ask('flush');
      },
    },
    {
      what: 'an end to the pause',
      act(harness) {
        harness.fixture.paused = false;
        harness.reload();
      },
    },
  ],
};
