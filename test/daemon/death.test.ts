/**
 * Death at every point between two netlink messages, on the real kernel, and a successor that takes over from the
 * journal. MULTIHOMED_KILLS=200 for as many deaths in a churn.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { connectKernel, type KernelConnections } from '../../src/daemon/kernel.ts';
import type { Configuration } from '../../src/rules/rule.ts';
import { systemClock } from '../../src/system/clock.ts';
import { configuration, rule } from '../model/configurations.ts';
import { isPrivate } from '../support/lab.ts';
import { Netns } from '../support/netns.ts';
import { Mortal, type Death } from './mortal.ts';

const KILLS = Number(process.env['MULTIHOMED_KILLS'] ?? 20);
/** Of the changes of a whole life every fifth; all of them in a long run. */
const STRIDE = process.env['MULTIHOMED_KILLS'] ? 1 : 5;
const BOTH = configuration([rule('u*'), rule('w*', { flags: ['subflow', 'backup'] })]);
const CHANGED = configuration([rule('u*', { flags: ['signal'] }), rule('w*')]);

interface Step {
  readonly what: string;
  readonly world?: readonly string[];
  readonly reload?: Configuration;
  readonly flush?: true;
}

/** All that a daemon ever does. */
const STEPS: readonly Step[] = [
  {
    what: 'up',
    world: ['route add default via 10.1.0.254 dev u0', 'route add default via 10.2.0.254 dev w0 metric 700'],
  },
  { what: 'gateway', world: ['route replace default via 10.1.0.253 dev u0'] },
  { what: 'flags', reload: CHANGED },
  { what: 'flags again', reload: BOTH },
  {
    what: 'address',
    world: [
      'address add 10.1.0.9/24 dev u0',
      'address delete 10.1.0.1/24 dev u0',
      'route replace default via 10.1.0.253 dev u0',
    ],
  },
  { what: 'way down', world: ['route delete default dev w0'] },
  { what: 'lingering', world: ['route delete default dev u0'] },
  { what: 'new first, then old', world: ['route add default via 10.2.0.254 dev w0 metric 700'] },
  { what: 'both', world: ['route add default via 10.1.0.254 dev u0'] },
  { what: 'flush', flush: true },
];

describe.skipIf(!isPrivate)('a daemon that dies', { timeout: 300_000 }, () => {
  let netns: Netns;
  let kernel: KernelConnections;

  beforeAll(async () => {
    netns = new Netns(`death-${process.pid}`);
    netns.sysctl('net.ipv6.conf.default.disable_ipv6', 1);
    netns.sysctl('net.ipv4.conf.all.promote_secondaries', 1);
    kernel = await connectKernel({ clock: systemClock, netns: netns.path });
  });
  afterAll(() => {
    kernel.close();
    netns.delete();
  });
  beforeEach(() => make());
  afterEach(() => unmake());

  /** Two uplinks, and what belongs to others. */
  function make(): void {
    netns.sh(
      [
        'ip link add u0 index 10 type veth peer name p0 index 11',
        'ip link add w0 index 20 type veth peer name q0 index 21',
        ...['u0', 'w0', 'p0', 'q0'].map((name) => `ip link set ${name} up`),
        'ip address add 10.1.0.1/24 dev u0',
        'ip address add 10.2.0.1/24 dev w0',
        'ip mptcp endpoint add 198.51.100.1 id 99 signal',
        'ip rule add from 10.77.0.0/16 lookup 77 pref 100',
        'ip route add 10.77.0.0/16 dev u0 table 77',
        'ip mptcp limits set subflows 3 add_addr_accepted 1',
      ].join(' && '),
    );
  }

  function unmake(): void {
    netns.sh(
      'ip link delete u0; ip link delete w0; ip mptcp endpoint flush; ip rule delete pref 100; ip rule flush proto 86; true',
    );
  }

  /** Without ids: which one is given is not promised. */
  const state = (): object => ({
    endpoints: netns.endpointWords(),
    foreign: netns.endpoints().filter(({ id }) => id === 99).length,
    limits: netns.limits(),
    rules: netns.ruleWords(),
    routes: netns.routeWords(),
    others: netns
      .sh('ip rule show; ip route show table 77; ip route show')
      .replaceAll(/.*proto (86|multihomed).*\n/g, ''),
  });

  async function take(daemon: Mortal, step: Step): Promise<object> {
    for (const command of step.world ?? []) netns.ip(command);
    if (step.reload) {
      daemon.configuration = step.reload;
      await daemon.settle((loop) => loop.reload(step.reload!));
    } else if (step.flush) await daemon.settle((loop) => void loop.flush());
    else await daemon.settle();
    return state();
  }

  /** The whole scenario. @returns what stood after each step, and how many changes it took */
  async function course(
    death: Death | null,
  ): Promise<{ states: object[]; changes: number; deaths: number; warnings: string[] }> {
    const daemon = new Mortal(kernel, BOTH, death);
    const states: object[] = [];
    for (const step of STEPS) states.push({ after: step.what, ...(await take(daemon, step)) });
    const changes = await daemon.end();
    return { states, changes, deaths: daemon.deaths, warnings: daemon.warnings };
  }

  test('is compared with one that lives, which warns of nothing', async () => {
    expect((await course(null)).warnings).toEqual([]);
  });

  test('before or after any one of its changes is followed by one that ends where it would have', async () => {
    const whole = await course(null);
    expect(whole.changes).toBeGreaterThan(40);
    const wrong: unknown[] = [];
    for (let after = 0; after < whole.changes; after += STRIDE)
      for (const done of [false, true]) {
        unmake();
        make();
        const { states, deaths } = await course({ after, done });
        expect(deaths).toBe(1);
        const at = states.findIndex(
          (each, step) => JSON.stringify(each) !== JSON.stringify(whole.states[step]),
        );
        if (at !== -1) wrong.push({ after, done, expected: whole.states[at], found: states[at] });
      }
    if (process.env['MULTIHOMED_KILLS'])
      console.log(`${Math.ceil(whole.changes / STRIDE) * 2} deaths, each followed to the end`);
    expect(wrong).toEqual([]);
  });

  test(`${KILLS} times in a churn leaves nothing behind and nothing out`, async () => {
    const daemon = new Mortal(kernel, BOTH, null);
    await take(daemon, STEPS[0]!);
    const right = state();
    const churn = [
      'route replace default via 10.1.0.253 dev u0',
      'route delete default dev u0',
      'route replace default via 10.1.0.254 dev u0',
      'route delete default dev w0',
      'route replace default via 10.2.0.254 dev w0 metric 700',
      'address add 10.1.0.8/24 dev u0',
      'address delete 10.1.0.8/24 dev u0',
      'link set w0 down',
      'link set w0 up',
    ];
    let random = Number(process.env['MULTIHOMED_SEED'] ?? 1);
    const upTo = (most: number): number =>
      (random = (random * 1_103_515_245 + 12_345) % 2_147_483_648) % most;
    while (daemon.deaths < KILLS) {
      await daemon.die({ after: upTo(4), done: upTo(2) === 0 });
      for (let i = 0; i < 3; i++) netns.sh(`ip ${churn[upTo(churn.length)]} 2>/dev/null || true`);
      await daemon.settle();
    }
    netns.sh(
      `ip address delete 10.1.0.8/24 dev u0 2>/dev/null; ip link set w0 up; ${STEPS[0]!.world!.map((each) => `ip ${each.replace('add', 'replace')}`).join(';')}`,
    );
    await daemon.settle();
    expect(state()).toEqual(right);
    await take(daemon, { what: 'flush', flush: true });
    expect(state()).toMatchObject({
      endpoints: ['198.51.100.1  signal'],
      rules: [],
      routes: [],
      limits: { subflows: 3, accepted: 1 },
    });
    await daemon.end();
  });
});
