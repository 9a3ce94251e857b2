/** Full VPN tunnels: nothing bypasses one unless the rule permits it, whether daemon or tunnel starts first. */
import { expect } from 'vitest';
import { openByRoute, PORT, type Connections } from '../support/connections.ts';
import type { Cable } from '../support/cable.ts';
import type { Daemon } from '../support/daemon.ts';
import { test, type Lab } from '../support/lab.ts';
import { INNER, SERVER } from '../support/tunnel.ts';

interface Form {
  readonly version: 4 | 6;
  readonly device: string;
  readonly mark: number;
  /** The commands of the VPN program in its order; arguments of `ip`. */
  readonly up: readonly string[];
  /** Shell commands. */
  readonly down: readonly string[];
  readonly reason: RegExp;
}

const MARK = 51_820;
const WIDE = ['0.0.0.0/5', '8.0.0.0/7', '11.0.0.0/8', '12.0.0.0/6', '16.0.0.0/4', '32.0.0.0/3', '64.0.0.0/2'];
const HIGH = ['128.0.0.0/3', '160.0.0.0/5', '192.0.0.0/9', '193.0.0.0/8', '194.0.0.0/7', '196.0.0.0/6'];

const FORMS: Readonly<Record<string, Form>> = {
  'wg-quick': {
    version: 4,
    device: 'wg0',
    mark: MARK,
    up: [
      `route add default dev wg0 table ${MARK}`,
      `rule add not fwmark ${MARK} table ${MARK}`,
      'rule add table main suppress_prefixlength 0',
    ],
    down: [
      `while ip rule show | grep -q 'lookup ${MARK}'; do ip rule delete table ${MARK}; done`,
      `while ip rule show | grep -q 'from all lookup main suppress_prefixlength 0'; do ip rule delete table main suppress_prefixlength 0; done`,
    ],
    reason: /^conflict: wg0 takes all traffic: policy rule \d+$/,
  },
  'an exit node (Tailscale)': {
    version: 4,
    device: 'tailscale0',
    mark: 0x80000,
    up: [
      'rule add priority 5210 fwmark 0x80000/0xff0000 lookup main',
      'rule add priority 5230 fwmark 0x80000/0xff0000 lookup default',
      'rule add priority 5250 fwmark 0x80000/0xff0000 unreachable',
      'rule add priority 5270 lookup 52',
      'route add default dev tailscale0 table 52',
    ],
    down: ['for p in 5210 5230 5250 5270; do ip rule delete priority $p; done'],
    reason: /^conflict: tailscale0 takes all traffic: policy rule 5270$/,
  },
  'a mark and many wide routes (WARP)': {
    version: 4,
    device: 'warp0',
    mark: 0x100cf,
    up: [
      ...[...WIDE, ...HIGH, '200.0.0.0/5', '10.99.0.0/16'].map(
        (each) => `route add ${each} dev warp0 table 65743`,
      ),
      'rule add not fwmark 0x100cf lookup 65743',
    ],
    down: ['ip rule delete table 65743'],
    reason: /^conflict: warp0 takes all traffic: policy rule \d+$/,
  },
  'redirect-gateway def1 (OpenVPN)': {
    version: 4,
    device: 'tun0',
    mark: 0,
    up: [
      `route add ${SERVER} via 10.1.0.1`,
      `route add 0.0.0.0/1 via ${INNER.far}`,
      `route add 128.0.0.0/1 via ${INNER.far}`,
    ],
    down: [`ip route del ${SERVER}`],
    reason: /^conflict: tun0 takes all traffic: routes in main that are more specific than a default$/,
  },
  'the best default of main (NetworkManager)': {
    version: 4,
    device: 'tun0',
    mark: 0,
    up: [`route add ${SERVER} via 10.1.0.1`, `route add default dev tun0 metric 50`],
    down: [`ip route del ${SERVER}`],
    reason: /^conflict: tun0 takes all traffic: default route in main$/,
  },
  'wg-quick, IPv6': {
    version: 6,
    device: 'wg0',
    mark: MARK,
    up: [
      `-6 route add default dev wg0 table ${MARK}`,
      `-6 rule add not fwmark ${MARK} table ${MARK}`,
      '-6 rule add table main suppress_prefixlength 0',
    ],
    down: [
      `while ip -6 rule show | grep -q 'lookup ${MARK}'; do ip -6 rule delete table ${MARK}; done`,
      `while ip -6 rule show | grep -q 'from all lookup main suppress_prefixlength 0'; do ip -6 rule delete table main suppress_prefixlength 0; done`,
    ],
    reason: /^conflict: wg0 takes all traffic: policy rule \d+$/,
  },
  'an exit node (Tailscale), IPv6': {
    version: 6,
    device: 'tailscale0',
    mark: 0x80000,
    up: ['-6 rule add priority 5270 lookup 52', '-6 route add default dev tailscale0 table 52'],
    down: ['ip -6 rule delete priority 5270'],
    reason: /^conflict: tailscale0 takes all traffic: policy rule 5270$/,
  },
  'redirect-gateway ipv6 (OpenVPN)': {
    version: 6,
    device: 'tun0',
    mark: 0,
    up: ['::/3', '2000::/4', '3000::/4', 'fc00::/7'].map((each) => `-6 route add ${each} dev tun0`),
    down: [],
    reason: /^conflict: tun0 takes all traffic: routes in main that are more specific than a default$/,
  },
  'the best default of main (NetworkManager), IPv6': {
    version: 6,
    device: 'tun0',
    mark: 0,
    up: ['-6 route add default dev tun0 metric 50'],
    down: [],
    reason: /^conflict: tun0 takes all traffic: default route in main$/,
  },
};

const CLOSED = { accepted: 0, subflows: 0 };

interface Scene {
  readonly cables: readonly Cable[];
  readonly addresses: readonly string[];
  readonly connections: Connections;
  readonly raise: () => Promise<void>;
  readonly lower: () => Promise<void>;
}

/** Two cables that have this version, and IPv4 for the tunnel itself. */
function twoCables(lab: Lab, version: 4 | 6): Cable[] {
  const cables = ['eth0', 'eth1'].map((device) => lab.cable(device).connect(version));
  if (version === 6) cables[0]!.addAddress(4).addDefault(4);
  return cables;
}

const near = ({ version }: Form): string => (version === 4 ? INNER.near : INNER.near6);
const rule = ({ version }: Form): object => ({ flags: 'subflow', families: [`ipv${version}`] });

/** Two cables, a server behind the provider, and the tunnel that is not up yet. */
async function prepare(lab: Lab, form: Form): Promise<Scene> {
  const cables = twoCables(lab, form.version);
  lab.provider.ip(`address add ${SERVER}/32 dev lo`);
  let tunnel: Awaited<ReturnType<Lab['tunnel']>> | null = null;
  return {
    cables,
    addresses: cables.map((cable) => cable.address(form.version)),
    connections: await lab.connections(form.version),
    raise: async () => {
      tunnel = await lab.tunnel(form.device, form.mark);
      for (const command of form.up) lab.host.ip(command);
    },
    lower: async () => {
      for (const command of form.down) lab.host.sh(command);
      await tunnel?.end();
    },
  };
}

/** Returns the endpoints and everything of multihomed, without numbers that are assigned in order. */
const made = ({ host }: Lab, { version }: Form): object => ({
  endpoints: host.endpointTexts(),
  limits: host.limits(),
  rules: host.ruleTexts(version),
  routes: host.routeTexts(version),
});

/**
 * Waits for all policy rules: a VPN's script may have deleted one too, which is restored after 250 ms. While the tunnel's
 * device still exists, rules (8683) refuse TCP to its own network. Their routes are deleted after them, and the daemon
 * answers after its pass.
 */
async function complete(lab: Lab, daemon: Daemon, form: Form, from: readonly string[]): Promise<void> {
  const begins = (text: string): string => text.split(' ').slice(0, 3).join(' ');
  const all = from.flatMap((address) => [8682, 8684].map((priority) => `${priority} from ${address}`));
  await expect.poll(() => lab.host.ruleTexts(form.version).map(begins).sort()).toEqual(all.sort());
  await daemon.status();
}

async function states(daemon: Daemon, addresses: readonly string[]): Promise<string[]> {
  const uplinks = (await daemon.status())?.uplinks ?? [];
  return uplinks
    .filter(({ address }) => address !== null && addresses.includes(address))
    .map(({ state, reason }) => `${state}: ${reason}`);
}

const both = (pattern: RegExp): unknown =>
  [pattern, pattern].map((each) => expect.stringMatching(each) as unknown);

for (const [name, form] of Object.entries(FORMS)) {
  test(`tunnels: ${name}: nothing leaves outside of it, whether it comes up first or last`, async ({
    lab,
  }) => {
    const { cables, addresses, raise, lower, connections } = await prepare(lab, form);
    const limits = lab.host.limits();
    const nothing = { endpoints: [], limits, rules: [], routes: [] };
    await raise();
    const counter = await lab.counter(PORT, cables);
    const daemon = await lab.daemon({ 'eth*': rule(form) });
    expect(await states(daemon, addresses)).toEqual(both(form.reason));
    expect(made(lab, form)).toEqual(nothing);
    const inner = await openByRoute(connections);
    expect(connections.subflows()).toEqual([near(form)]);
    expect(await counter.count()).toBe(0);
    await inner.echo('more');
    await connections.closeAll();

    await lower();
    await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
    await expect.poll(() => lab.host.limits().subflows).toBe(8);
    await complete(lab, daemon, form, addresses);
    const free = made(lab, form);
    const outside = await connections.open(addresses[0]);
    await expect.poll(() => connections.subflows()).toEqual(addresses);

    await raise();
    await expect
      .poll(() => made(lab, form))
      .toEqual({ ...nothing, endpoints: lab.host.endpointTexts(), limits: CLOSED });
    expect(await states(daemon, addresses)).toEqual(
      both(/^conflict: \w+ takes all traffic: .*; its endpoint stays until no open connection uses it/),
    );
    // A subflow that is bound to a link continues on it.
    await outside.echo('still');
    const before = connections.subflows();
    const second = await openByRoute(connections);
    expect(connections.subflows()).toEqual([...before, near(form)].sort());
    outside.close();
    await expect.poll(() => made(lab, form), { timeout: 20_000 }).toEqual(nothing);
    await expect.poll(() => connections.subflows()).toEqual([near(form)]);
    const sent = await counter.count();
    await second.echo('more');
    await openByRoute(connections);
    expect(await counter.count()).toBe(sent);
    expect(await states(daemon, addresses)).toEqual(both(form.reason));
    await connections.closeAll();

    await lower();
    await expect.poll(() => made(lab, form), { timeout: 20_000 }).toEqual(free);
  });

  test(`tunnels: ${name}: "tunnel: bypass" uses the uplink, whether it comes up first or last`, async ({
    lab,
  }) => {
    const { cables, addresses, raise, lower, connections } = await prepare(lab, form);
    await raise();
    const daemon = await lab.daemon({ 'eth*': { ...rule(form), tunnel: 'bypass' } });
    const goes = async (): Promise<void> => {
      await openByRoute(connections);
      await expect.poll(() => connections.subflows()).toEqual([...addresses, near(form)].sort());
      expect(await states(daemon, addresses)).toEqual(both(/^active/));
      const outside = form.version === 4 ? '198.51.100.7' : '2600::7';
      expect(addresses.map((from) => lab.host.leaves(outside, from))).toEqual(
        cables.map((cable) => `${cable.device} via ${cable.gateway(form.version)}`),
      );
      await connections.closeAll();
    };
    await goes();
    await lower();
    await expect
      .poll(() => made(lab, form))
      .toMatchObject({ rules: expect.arrayContaining([expect.stringContaining('8682')]) as unknown });
    await complete(lab, daemon, form, addresses);
    const free = made(lab, form);
    await raise();
    await goes();
    await lower();
    await expect.poll(() => made(lab, form)).toEqual(free);
  });
}

test.for(['respect', 'bypass'])(
  'tunnels: connections move to the other cable when one is pulled: %s',
  async (tunnel, { lab }) => {
    const { cables, addresses, raise, connections } = await prepare(lab, FORMS['wg-quick']!);
    await lab.daemon({ 'eth*': { flags: 'subflow', tunnel } });
    await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
    const connection = await connections.open(addresses[0]);
    await expect.poll(() => connections.subflows()).toEqual(addresses);
    await raise();
    await expect.poll(() => lab.host.limits().subflows).toBe(tunnel === 'respect' ? 0 : 8);
    await connection.echo('both');
    cables[0]!.unplug();
    await expect.poll(() => lab.host.endpointTexts()).toEqual(['10.2.0.2 eth1 subflow']);
    await connection.echo('one');
    await expect.poll(() => connections.subflows()).toEqual(['10.2.0.2']);
  },
);
