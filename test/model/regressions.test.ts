/** Histories that once failed, as short as possible. */
import { expect, test, vi } from 'vitest';
import type { Family } from '../../src/netlink/ip.ts';
import { CONFIGURATIONS } from './configurations.ts';
import { OPENINGS, type History } from './histories.ts';
import { Host } from './host.ts';
import { runHistory } from './run-history.ts';
import type { Step } from './steps.ts';
import { applyStep } from './apply-step.ts';
import { Fixture } from './fixture.ts';

vi.mock('../../src/snapshot/driver.ts', () => ({ readDevice: async () => ({ driver: null, path: null }) }));

const history = (words: Partial<History>): History => ({
  configuration: 0,
  misreports: false,
  noise: 0,
  slowness: 0,
  opening: 'two',
  steps: [],
  ...words,
});

const HISTORIES: Readonly<Record<string, History>> = {
  'an earlier rule with suppress_prefixlength does not suppress a split default in main': history({
    steps: [
      { op: 'link', slot: 4, to: 'up', when: 'settled' },
      { op: 'split', slot: 4, verb: 'add', when: 'settled' },
      { op: 'policy rule', slot: 0, kind: 5, when: 'settled' },
      { op: 'policy rule', slot: 0, kind: 4, when: 'settled' },
      { op: 'delete route', nth: 0, when: 'settled' },
    ],
  }),
  'route added, uplink lost before its policy rule: the route is removed': history({
    steps: [
      { op: 'tunnel', form: 'rule', verb: 'add', when: 0 },
      { op: 'policy rule', slot: 0, kind: 5, when: 'settled' },
      { op: 'tunnel', form: 'rule', verb: 'delete', when: 0 },
      { op: 'multipath', slots: [0, 1], family: 'ipv4', metric: 0, verb: 'add', when: 3 },
      { op: 'link', slot: 0, to: 'no carrier', when: 12 },
      { op: 'limits', subflows: 0, addAddrAccepted: 0, when: 'midway' },
    ],
  }),
  'a split default of an earlier policy rule wins over the table of a later one': history({
    opening: 'many',
    steps: [
      { op: 'tunnel', form: 'rule', verb: 'add', when: 0 },
      { op: 'link', slot: 4, to: 'up', when: 0 },
      { op: 'split', slot: 4, verb: 'add', when: 'settled' },
      { op: 'policy rule', slot: 0, kind: 4, when: 'midway' },
      { op: 'limits', subflows: 0, addAddrAccepted: 0, when: 'midway' },
    ],
  }),
  'limits: a value changed after it was raised back is the administrator’s': history({
    configuration: 2,
    steps: [
      { op: 'limits', subflows: 8, addAddrAccepted: 0, when: 'settled' },
      { op: 'reload', configuration: 3, when: 'midway' },
      { op: 'reload', configuration: 0, when: 'settled' },
      { op: 'limits', subflows: 0, addAddrAccepted: 0, when: 0 },
    ],
  }),
  'limits: restored, but the answer lost: still managed by multihomed': history({
    steps: [
      { op: 'delete endpoint', nth: 0, when: 'settled' },
      { op: 'lose answers', count: 1, when: 'settled' },
      { op: 'delete endpoint', nth: 0, when: 'settled' },
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
  'limits: restored by a killed daemon: still managed by multihomed': history({
    configuration: 3,
    steps: [
      { op: 'crash', after: 6, answerLost: true, when: 'midway' },
      { op: 'flush', when: 'settled' },
      { op: 'default', slot: 0, family: 'ipv4', gateway: 0, metric: 0, verb: 'add', when: 'settled' },
    ],
  }),
  'hooks: down names the removed one of several addresses of a link': history({
    configuration: 1,
    steps: [
      { op: 'address', slot: 0, which: 0, to: 'absent', when: 0 },
      { op: 'address', slot: 3, which: 2, to: 'permanent', when: 'settled' },
      { op: 'crash', after: 0, answerLost: true, when: 'settled' },
      { op: 'flush', when: 0 },
      { op: 'default', slot: 0, family: 'ipv4', gateway: 0, metric: 0, verb: 'add', when: 'settled' },
      { op: 'replace endpoint', nth: 7, how: 'device', when: 'midway' },
      { op: 'address', slot: 3, which: 1, to: 'permanent', when: 0 },
      { op: 'lose answers', count: 0, when: 'settled' },
    ],
  }),
  'endpoint replacement: an id taken meanwhile is retried with another': history({
    configuration: 1,
    opening: 'many',
    steps: [
      { op: 'reload', configuration: 0, when: 'midway' },
      { op: 'delete endpoint', nth: 1, when: 0 },
      { op: 'implicit endpoint', nth: 5, when: 0 },
      { op: 'delete endpoint', nth: 1, when: 'midway' },
    ],
  }),
  'endpoint deleted and added with other flags: still owned': history({
    steps: [{ op: 'reload', configuration: 4, when: 0 }],
  }),
  'limits: raised halfway at a crash: still managed by multihomed': history({
    configuration: 3,
    steps: [
      { op: 'reload', configuration: 0, when: 0 },
      { op: 'crash', after: 1, when: 0 },
      { op: 'link', slot: 3, to: 'down', when: 0 },
      { op: 'default', slot: 0, family: 'ipv4', gateway: 0, metric: 0, verb: 'add', table: 77, when: 0 },
    ],
  }),
  'hooks: per-interface from all to one address, with a crash': history({
    configuration: 3,
    slowness: 50,
    steps: [
      { op: 'reload', configuration: 0, when: 0 },
      { op: 'crash', after: 0, when: 0 },
      { op: 'link', slot: 0, to: 'up', when: 'settled' },
    ],
  }),
  'endpoint id taken meanwhile is not taken for no free slot (one errno in Linux 6.1)': history({
    configuration: 3,
    misreports: true,
    steps: [
      { op: 'address', slot: 0, which: 1, to: 'permanent', when: 0 },
      { op: 'default', slot: 0, family: 'ipv4', gateway: 0, metric: 0, verb: 'add', when: 2 },
      { op: 'remove policy rules', when: 4 },
      { op: 'foreign endpoint', slot: 0, which: 2, flags: 1, when: 11 },
      { op: 'address', slot: 0, which: 0, to: 'permanent', when: 0 },
    ],
  }),
  'an uplink is not active while the kernel refuses to restore its default route': history({
    configuration: 1,
    steps: [
      { op: 'address', slot: 3, which: 2, to: 'permanent', when: 'settled' },
      { op: 'address', slot: 3, which: 0, to: 'absent', when: 0 },
      { op: 'address', slot: 0, which: 0, to: 'permanent', when: 5 },
      { op: 'address', slot: 0, which: 0, to: 'permanent', when: 3 },
      { op: 'delete route', nth: 2, when: 8 },
    ],
  }),
  'endpoint added just before a crash: owned by the next daemon': history({
    opening: 'none',
    steps: [
      { op: 'link', slot: 0, to: 'up', when: 'settled' },
      { op: 'address', slot: 0, which: 0, to: 'permanent', when: 'settled' },
      { op: 'crash', after: 5, answerLost: true, when: 'settled' },
      { op: 'default', slot: 0, family: 'ipv4', gateway: 0, metric: 0, verb: 'add', when: 'settled' },
    ],
  }),
  'a default route beside a split default on the same link makes an uplink': history({
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
  'one address on two links: the first keeps it': history({
    opening: 'many',
    configuration: 1,
    steps: [permanent(1, 3), permanent(3, 3)],
  }),
  'one address on two links: the first keeps it despite a worse route metric': history({
    opening: 'many',
    configuration: 1,
    steps: [leads(2, 0, 0), permanent(1, 3), permanent(2, 3)],
  }),
  'a gateway outside of all subnets is reached through its link': history({ steps: [leads(0, 4, 0)] }),
  'slots: a ninth uplink waits and sends no request': history({
    opening: 'many',
    configuration: 1,
    steps: [permanent(0, 1), permanent(1, 1)],
  }),
  'an address is replaced: the new endpoint is added before the old one is removed': history({
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
      [`tunnel by ${form}: comes up`, history({ steps: [change('add')] })],
      [`tunnel by ${form}: comes up and is removed`, history({ steps: [change('add'), change('delete')] })],
      [
        `tunnel by ${form}: is up when the daemon starts`,
        history({ steps: [change('add'), { op: 'restart', when: 'settled' }] }),
      ],
    ];
  }),
);

/** Policy rules of the host: for a network of sources, without a priority, and for some destinations. */
const FOR_SOURCES = 1;
const FOR_DESTINATIONS = 5;

const BYPASSES = Object.fromEntries(
  (['rule', 'early rule', 'main', 'split', 'networks'] as const).flatMap((form) => {
    const change = (verb: 'add' | 'delete'): Step => ({ op: 'tunnel', form, verb, when: 'settled' });
    const reload = (bypass: number): Step => ({ op: 'reload', configuration: 0, bypass, when: 'settled' });
    const rule = (kind: number): Step => ({ op: 'policy rule', slot: 0, kind, when: 'settled' });
    const restart: Step = { op: 'restart', when: 'settled' };
    return Object.entries({
      'comes up': history({ bypass: 3, steps: [change('add')] }),
      'comes up and is removed': history({ bypass: 3, steps: [change('add'), change('delete')] }),
      'is up when the daemon starts': history({ bypass: 3, steps: [change('add'), restart] }),
      'is up when the configuration says bypass': history({ steps: [change('add'), reload(3)] }),
      'is up when the configuration says respect': history({ bypass: 3, steps: [change('add'), reload(0)] }),
      'is bypassed by one of two uplinks': history({ steps: [change('add'), reload(1), reload(2)] }),
      'has a rule for the address after it': history({
        bypass: 3,
        steps: [rule(FOR_SOURCES), leads(0, 1, 0), change('add')],
      }),
      'comes up after all paths are lost': history({
        bypass: 3,
        steps: [
          { op: 'link', slot: 0, to: 'absent', when: 'settled' },
          { op: 'address', slot: 3, which: 0, to: 'absent', when: 'settled' },
          change('add'),
        ],
      }),
      'is up when a link is lost and a policy rule is deleted': history({
        bypass: 1,
        steps: [
          change('add'),
          { op: 'link', slot: 0, to: 'no carrier', when: 'settled' },
          { op: 'delete policy rule', nth: 0, when: 'settled' },
        ],
      }),
      'has a rule for destinations after it': history({
        bypass: 3,
        steps: [change('add'), rule(FOR_DESTINATIONS)],
      }),
    }).map(([what, each]) => [`tunnel: bypass, tunnel by ${form} ${what}`, each]);
  }),
);

for (const [name, each] of Object.entries({ ...HISTORIES, ...RARITIES, ...TUNNELS, ...BYPASSES }))
  test(name, async () => {
    expect(await runHistory(each)).toEqual([]);
  });

test('limits: a value that an administrator lowered after it was raised is kept', async () => {
  const host = new Host(CONFIGURATIONS[0]!);
  const fixture = new Fixture(host);
  try {
    host.start();
    for (const step of OPENINGS.two) await applyStep(host, fixture, step);
    await host.settle();
    expect(host.kernel.state.limits).toEqual({ subflows: 8, addAddrAccepted: 0 });
    await applyStep(host, fixture, { op: 'limits', subflows: 4, addAddrAccepted: 0, when: 'settled' });
    await host.pass(100_000);
    expect(host.kernel.state.limits).toEqual({ subflows: 4, addAddrAccepted: 0 });
  } finally {
    host.end();
  }
});
