/** Histories that once failed, as short as possible. */
import { expect, test, vi } from 'vitest';
import type { Family } from '../../src/netlink/ip.ts';
import { CONFIGURATIONS } from './configurations.ts';
import { OPENINGS, type History } from './histories.ts';
import { Host } from './host.ts';
import { live } from './live.ts';
import type { Step } from './steps.ts';
import { applyStep } from './apply-step.ts';
import { Fixture } from './fixture.ts';

vi.mock('../../src/snapshot/driver.ts', () => ({ readDevice: async () => ({ driver: null, path: null }) }));

const history = (words: Partial<History>): History => ({
  configuration: 0,
  lies: false,
  noise: 0,
  slowness: 0,
  opening: 'two',
  steps: [],
  ...words,
});

const HISTORIES: Readonly<Record<string, History>> = {
  'a split default in main behind an earlier rule that suppresses its default': history({
    steps: [
      { op: 'link', slot: 4, to: 'up', when: 'settled' },
      { op: 'split', slot: 4, verb: 'add', when: 'settled' },
      { op: 'policy rule', slot: 0, kind: 5, when: 'settled' },
      { op: 'policy rule', slot: 0, kind: 4, when: 'settled' },
      { op: 'take route', nth: 0, when: 'settled' },
    ],
  }),
  'a route added before its policy rule is removed with an uplink that is lost meanwhile': history({
    steps: [
      { op: 'tunnel', form: 'rule', verb: 'add', when: 0 },
      { op: 'policy rule', slot: 0, kind: 5, when: 'settled' },
      { op: 'tunnel', form: 'rule', verb: 'delete', when: 0 },
      { op: 'multipath', slots: [0, 1], family: 'ipv4', metric: 0, verb: 'add', when: 3 },
      { op: 'link', slot: 0, to: 'no carrier', when: 12 },
      { op: 'limits', subflows: 0, addAddrAccepted: 0, when: 'midway' },
    ],
  }),
  'a split default that an earlier policy rule finds decides before the table of a later one': history({
    opening: 'many',
    steps: [
      { op: 'tunnel', form: 'rule', verb: 'add', when: 0 },
      { op: 'link', slot: 4, to: 'up', when: 0 },
      { op: 'split', slot: 4, verb: 'add', when: 'settled' },
      { op: 'policy rule', slot: 0, kind: 4, when: 'midway' },
      { op: 'limits', subflows: 0, addAddrAccepted: 0, when: 'midway' },
    ],
  }),
  'a limit that was raised to what it had been is an administrator’s, who changes it then': history({
    configuration: 2,
    steps: [
      { op: 'limits', subflows: 8, addAddrAccepted: 0, when: 'settled' },
      { op: 'reload', configuration: 3, when: 'midway' },
      { op: 'reload', configuration: 0, when: 'settled' },
      { op: 'limits', subflows: 0, addAddrAccepted: 0, when: 0 },
    ],
  }),
  'a limit that was put back while endpoints stand, and the answer lost, is nobody else’s': history({
    steps: [
      { op: 'take endpoint', nth: 0, when: 'settled' },
      { op: 'lose answers', count: 1, when: 'settled' },
      { op: 'take endpoint', nth: 0, when: 'settled' },
      { op: 'default', slot: 3, family: 'ipv4', gateway: 1, metric: 0, verb: 'add', when: 0 },
      { op: 'reload', configuration: 1, when: 0 },
      {
        op: 'default',
        slot: 0,
        family: 'ipv4',
        gateway: 0,
        metric: 0,
        verb: 'add',
        table: 77,
        when: 'settled',
      },
    ],
  }),
  'a limit that a killed daemon had put back is nobody else’s': history({
    configuration: 3,
    steps: [
      { op: 'crash', after: 6, unheard: true, when: 'midway' },
      { op: 'flush', when: 'settled' },
      { op: 'default', slot: 0, family: 'ipv4', gateway: 0, metric: 0, verb: 'add', when: 'settled' },
    ],
  }),
  'of several addresses of one link hooks know which one went': history({
    configuration: 1,
    steps: [
      { op: 'address', slot: 0, which: 0, to: 'absent', when: 0 },
      { op: 'address', slot: 3, which: 2, to: 'permanent', when: 'settled' },
      { op: 'crash', after: 0, unheard: true, when: 'settled' },
      { op: 'flush', when: 0 },
      { op: 'default', slot: 0, family: 'ipv4', gateway: 0, metric: 0, verb: 'add', when: 'settled' },
      { op: 'steal endpoint', nth: 7, how: 'device', when: 'midway' },
      { op: 'address', slot: 3, which: 1, to: 'permanent', when: 0 },
      { op: 'lose answers', count: 0, when: 'settled' },
    ],
  }),
  'a replacement whose id was taken meanwhile is tried with another': history({
    configuration: 1,
    opening: 'many',
    steps: [
      { op: 'reload', configuration: 0, when: 'midway' },
      { op: 'take endpoint', nth: 1, when: 0 },
      { op: 'implicit endpoint', nth: 5, when: 0 },
      { op: 'take endpoint', nth: 1, when: 'midway' },
    ],
  }),
  'an endpoint that is made anew with other flags stays ours': history({
    steps: [{ op: 'reload', configuration: 4, when: 0 }],
  }),
  'a limit that a crash kept from being raised further is still ours': history({
    configuration: 3,
    steps: [
      { op: 'reload', configuration: 0, when: 0 },
      { op: 'crash', after: 1, when: 0 },
      { op: 'link', slot: 3, to: 'down', when: 0 },
      { op: 'default', slot: 0, family: 'ipv4', gateway: 0, metric: 0, verb: 'add', table: 77, when: 0 },
    ],
  }),
  'hooks believe in an address whose rule goes from several addresses to one, through a crash too': history({
    configuration: 3,
    slowness: 50,
    steps: [
      { op: 'reload', configuration: 0, when: 0 },
      { op: 'crash', after: 0, when: 0 },
      { op: 'link', slot: 0, to: 'up', when: 'settled' },
    ],
  }),
  'an id taken meanwhile is no full table, though 6.1 says the same of both': history({
    configuration: 3,
    lies: true,
    steps: [
      { op: 'address', slot: 0, which: 1, to: 'permanent', when: 0 },
      { op: 'default', slot: 0, family: 'ipv4', gateway: 0, metric: 0, verb: 'add', when: 2 },
      { op: 'remove policy rules', when: 4 },
      { op: 'foreign endpoint', slot: 0, which: 2, flags: 1, when: 11 },
      { op: 'address', slot: 0, which: 0, to: 'permanent', when: 0 },
    ],
  }),
  'an uplink whose own default the kernel refuses to put back is not active': history({
    configuration: 1,
    steps: [
      { op: 'address', slot: 3, which: 2, to: 'permanent', when: 'settled' },
      { op: 'address', slot: 3, which: 0, to: 'absent', when: 0 },
      { op: 'address', slot: 0, which: 0, to: 'permanent', when: 5 },
      { op: 'address', slot: 0, which: 0, to: 'permanent', when: 3 },
      { op: 'take route', nth: 2, when: 8 },
    ],
  }),
  'an endpoint whose adding was the last deed of a daemon is known to the next': history({
    opening: 'none',
    steps: [
      { op: 'link', slot: 0, to: 'up', when: 'settled' },
      { op: 'address', slot: 0, which: 0, to: 'permanent', when: 'settled' },
      { op: 'crash', after: 5, unheard: true, when: 'settled' },
      { op: 'default', slot: 0, family: 'ipv4', gateway: 0, metric: 0, verb: 'add', when: 'settled' },
    ],
  }),
  'a default beside a split default on the same link is a path': history({
    steps: [{ op: 'split', slot: 0, verb: 'add', when: 0 }],
  }),
};

const permanent = (slot: number, which: number): Step => ({
  op: 'address',
  ...{ slot, which, to: 'permanent', when: 'settled' },
});
const leads = (slot: number, gateway: number, metric: number, family: Family = 'ipv4'): Step => ({
  op: 'default',
  ...{ slot, family, gateway, metric, verb: 'replace', when: 'settled' },
});

/** Histories that random generation produces too rarely. */
const RARITIES: Readonly<Record<string, History>> = {
  'of one address on two links the first keeps it': history({
    opening: 'many',
    configuration: 1,
    steps: [permanent(1, 3), permanent(3, 3)],
  }),
  'of one address on two links the first keeps it, though the default of the other has a better metric':
    history({
      opening: 'many',
      configuration: 1,
      steps: [leads(2, 0, 0), permanent(1, 3), permanent(2, 3)],
    }),
  'a gateway outside of all subnets is reached on its link': history({ steps: [leads(0, 4, 0)] }),
  'a ninth uplink waits, and asks for nothing': history({
    opening: 'many',
    configuration: 1,
    steps: [permanent(0, 1), permanent(1, 1)],
  }),
  'the successor of an address comes before it goes': history({
    steps: [
      ...[permanent(0, 5), leads(0, 0, 0, 'ipv6'), permanent(3, 5), leads(3, 0, 100, 'ipv6')],
      permanent(3, 6),
    ],
  }),
};

const TUNNELS = Object.fromEntries(
  (['rule', 'early rule', 'main', 'split', 'networks'] as const).flatMap((form) => {
    const change = (verb: 'add' | 'delete'): Step => ({ op: 'tunnel', form, verb, when: 'settled' });
    return [
      [`a tunnel by ${form} that comes up`, history({ steps: [change('add')] })],
      [`a tunnel by ${form} that comes and goes`, history({ steps: [change('add'), change('delete')] })],
      [
        `a tunnel by ${form} that is up when the daemon starts`,
        history({ steps: [change('add'), { op: 'restart', when: 'settled' }] }),
      ],
    ];
  }),
);

for (const [name, each] of Object.entries({ ...HISTORIES, ...RARITIES, ...TUNNELS }))
  test(name, async () => {
    expect(await live(each)).toEqual([]);
  });

test('a limit that an administrator lowered after it was raised stays as low', async () => {
  const host = new Host(CONFIGURATIONS[0]!);
  const world = new Fixture(host);
  try {
    host.start();
    for (const step of OPENINGS.two) await applyStep(host, world, step);
    await host.settle();
    expect(host.kernel.state.limits).toEqual({ subflows: 8, addAddrAccepted: 0 });
    await applyStep(host, world, { op: 'limits', subflows: 4, addAddrAccepted: 0, when: 'settled' });
    await host.pass(100_000);
    expect(host.kernel.state.limits).toEqual({ subflows: 4, addAddrAccepted: 0 });
  } finally {
    host.end();
  }
});
