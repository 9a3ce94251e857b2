/** Printed commands for routing: each is executed as printed, and no address is less reachable after it. */
import { expect } from 'vitest';
import type { Daemon } from '../support/daemon.ts';
import type { Lab } from '../support/lab.ts';
import { A, B, Providers, type Provider, test } from '../support/providers.ts';
import { found, visit } from './visit.ts';

const TWO: readonly Provider[] = [A, { ...B, device: 'eth1' }];
/** Behind a tunnel that no rule selects; only table 77 has a route to it. */
const INNER = '10.9.0.9';

interface Scene {
  readonly commands: readonly string[];
  /** Commands that run after the daemon has added its objects. */
  readonly later?: readonly string[];
  /** The id of the finding. */
  readonly id: string;
  /** null: no command is printed, because each could remove a route from an address. */
  readonly command: RegExp | null;
  /** Destinations that are also reached afterwards. */
  readonly gains?: readonly string[];
}

const DEFAULTS = [
  'route add default via 192.0.2.1 metric 100',
  'route add default via 203.0.113.1 metric 200',
];
const TABLE_77 = 'route add default dev tun0 table 77';
const [first, second] = TWO.map(({ address }) => address) as [string, string];

const SCENES: Readonly<Record<string, Scene>> = {
  'no default route': {
    commands: ['route add default via 192.0.2.1'],
    id: `uplink:eth1:${second}`,
    command: /^ip route add default via 203\.0\.113\.1 dev eth1 metric \d{5,}$/,
    gains: [`${second} out`, `${second} in`],
  },
  'a default route that is lost': {
    commands: DEFAULTS,
    later: ['route delete default via 203.0.113.1', 'route delete default via 192.0.2.1'],
    id: `uplink:eth0:${first}`,
    command: /^ip route add default via 192\.0\.2\.1 dev eth0 metric \d+$/,
  },
  'a policy rule for the address into a tunnel': {
    commands: [...DEFAULTS, TABLE_77, `rule add from ${first} lookup 77`],
    id: `uplink:eth0:${first}`,
    command: /^ip rule delete from 192\.0\.2\.10 lookup 77 priority 32765$/,
    gains: [`${first} out`, `${first} in`],
  },
  'an unreachable policy rule for the address': {
    commands: [...DEFAULTS, `rule add from ${first} unreachable priority 600`],
    id: `uplink:eth0:${first}`,
    command: /^ip rule delete from 192\.0\.2\.10 unreachable priority 600$/,
    gains: [`${first} out`, `${first} in`],
  },
  'a policy rule whose table has the only route to a network': {
    commands: [
      ...[...DEFAULTS, TABLE_77, 'route add 10.9.0.0/16 dev vpn0 table 77'],
      `rule add from ${first} lookup 77`,
    ],
    id: `uplink:eth0:${first}`,
    command: null,
  },
  'a policy rule for a network that this host may route for': {
    commands: [...DEFAULTS, TABLE_77, 'rule add from 192.0.2.0/24 lookup 77'],
    id: `uplink:eth0:${first}`,
    command: null,
  },
  'a policy rule for all into the table of another uplink': {
    commands: [
      ...[...DEFAULTS, 'route add default via 203.0.113.1 dev eth1 table 100'],
      'rule add lookup 100 priority 500',
    ],
    id: `uplink:eth0:${first}`,
    command: /^ip rule add from all lookup 100 priority 8690 && ip rule delete .* priority 500$/,
    gains: [`${first} out`, `${first} in`],
  },
  'a policy rule for all before a policy rule for an address': {
    commands: [
      ...[...DEFAULTS, 'route add default via 203.0.113.1 dev eth1 table 100'],
      ...['rule add lookup 100 priority 500', `rule add from ${second} unreachable priority 600`],
    ],
    id: `uplink:eth0:${first}`,
    command: null,
  },
  'a policy rule for all into a link that no rule selects': {
    commands: [...DEFAULTS, TABLE_77, 'rule add lookup 77 priority 500'],
    id: `uplink:eth0:${first}`,
    command: null,
  },
  'a policy rule for a mark among those of multihomed': {
    commands: [
      ...[...DEFAULTS, 'route add default via 203.0.113.1 dev eth1 table 100'],
      'rule add fwmark 0x10/0xf0 lookup 100 priority 8684',
    ],
    id: 'priority:ipv4:8684',
    command:
      /^ip rule add from all fwmark 0x10\/0xf0 lookup 100 priority 8690 && ip rule delete from all fwmark 0x10\/0xf0 lookup 100 priority 8684$/,
  },
  'a default of another program in the table of an uplink': {
    commands: DEFAULTS,
    later: ['route prepend default via 192.0.2.99 dev eth0 table TABLE proto static'],
    id: 'table:TABLE',
    command: /^ip -4 route flush table \d+ proto 4$/,
    gains: [`${first} out`, `${first} in`],
  },
  'a route of another program in the table of an uplink, which its policy rule uses': {
    commands: [...DEFAULTS, `rule add from ${second} lookup TABLE priority 700`],
    later: ['route append default via 203.0.113.1 dev eth1 table TABLE proto static metric 5'],
    id: 'table:TABLE',
    command: null,
  },
};

/** Replaces TABLE by the table of eth0. */
const withTable = ({ host }: Lab, text: string): string => text.replaceAll('TABLE', `${host.table('eth0')}`);

/** Adds a VPN's tunnel and another link; no rule selects them. */
async function tunnels(lab: Lab): Promise<void> {
  await lab.modem('tun0');
  lab.host.ip('link set tun0 up');
  lab.host.ip(`link add vpn0 type veth peer name far0 netns ${lab.provider.name}`);
  lab.host.ip('link set vpn0 up');
  lab.provider.ip('link set far0 up');
}

/** Returns `ADDRESS DIRECTION` of each that is reached; and whether a route to the inner network exists. */
async function reached(providers: Providers, { host }: Lab): Promise<string[]> {
  const outside = (await providers.reached()).flatMap((words) => {
    const [address, ...directions] = words.split(' ');
    return directions.map((direction) => `${address} ${direction}`);
  });
  return [...outside, ...TWO.flatMap(({ address }) => (hasRoute(host, address) ? `${address} inner` : []))];
}

function hasRoute(host: Lab['host'], address: string): boolean {
  try {
    return host.leaves(INNER, address) !== '';
  } catch {
    return false;
  }
}

async function settled(lab: Lab, daemon: Daemon): Promise<void> {
  const words = async (): Promise<string> => {
    const { uplinks, problems } = (await daemon.status())!;
    return JSON.stringify([uplinks, problems, lab.host.ruleTexts()]);
  };
  let before = '';
  await expect
    .poll(
      async () => {
        const now = (await words()).replaceAll(/"(since|time)":\d+/g, '');
        const same = now === before;
        before = now;
        return same;
      },
      { interval: 400, timeout: 20_000 },
    )
    .toBe(true);
}

for (const [name, scene] of Object.entries(SCENES))
  test(`remedies: ${name}`, async ({ lab }) => {
    const providers = new Providers(lab, TWO);
    try {
      await tunnels(lab);
      for (const command of scene.commands) lab.host.ip(withTable(lab, command));
      await providers.serve();
      const daemon = await lab.daemon({ 'eth*': 'subflow' });
      await settled(lab, daemon);
      // One by one: of two default routes that are lost at once, both uplinks linger.
      for (const command of scene.later ?? []) {
        lab.host.ip(withTable(lab, command));
        await settled(lab, daemon);
      }
      const before = await reached(providers, lab);
      const finding = found(await visit(lab, daemon), withTable(lab, scene.id));
      expect(finding?.severity).toMatch(/^(?:warning|fault)$/);
      if (!scene.command) expect(finding?.command).toBeNull();
      else expect(finding?.command).toMatch(scene.command);
      const { stdout } = await daemon.command('explain', 'eth0');
      expect(stdout).not.toMatch(scene.command ? /delete that/ : /rule delete|delete that/);
      if (!finding?.command) return;
      lab.host.sh(finding.command);
      await settled(lab, daemon);
      expect(await reached(providers, lab)).toEqual(
        expect.arrayContaining([...before, ...(scene.gains ?? [])]),
      );
    } finally {
      providers.end();
    }
  });
