/** Full tunnels of VPNs: nothing bypasses one unless the rule permits it, in whatever order they appear. */
import { expect } from 'vitest';
import { PORT, type Connection, type Connections } from '../support/connections.ts';
import type { Daemon } from '../support/daemon.ts';
import { test, type Lab } from '../support/lab.ts';
import { INNER, SERVER } from '../support/tunnel.ts';

interface Form {
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
    device: 'tun0',
    mark: 0,
    up: [`route add ${SERVER} via 10.1.0.1`, `route add default dev tun0 metric 50`],
    down: [`ip route del ${SERVER}`],
    reason: /^conflict: tun0 takes all traffic: default route in main$/,
  },
};

const CLOSED = { accepted: 0, subflows: 0 };

interface Scene {
  readonly raise: () => Promise<void>;
  readonly lower: () => Promise<void>;
}

const ADDRESSES = ['10.1.0.2', '10.2.0.2'];

function prepare(lab: Lab, form: Form): Scene {
  lab.provider.ip(`address add ${SERVER}/32 dev lo`);
  let tunnel: Awaited<ReturnType<Lab['tunnel']>> | null = null;
  return {
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
const made = ({ host }: Lab): object => ({
  endpoints: host.endpointWords(),
  limits: host.limits(),
  rules: host.ruleWords(),
  routes: host.routeWords(),
});

/** Opens a connection by whatever route the host has for it. */
async function inside(connections: Connections): Promise<Connection> {
  const connection = await connections.open();
  for (let word = 0; word < 5; word++) await connection.echo(`word${word}`);
  return connection;
}

async function states(daemon: Daemon): Promise<string[]> {
  const uplinks = (await daemon.status())?.uplinks ?? [];
  return uplinks
    .filter(({ address }) => address?.startsWith('10.'))
    .map(({ state, reason }) => `${state}: ${reason}`);
}

const each = (pattern: RegExp): unknown => ADDRESSES.map(() => expect.stringMatching(pattern) as unknown);

for (const [name, form] of Object.entries(FORMS)) {
  test(
    `tunnels: ${name}: nothing leaves beside it, whether it comes first or last`,
    { timeout: 120_000 },
    async ({ lab }) => {
      const cables = [lab.cable('eth0').connect(), lab.cable('eth1').connect()];
      const { raise, lower } = prepare(lab, form);
      const connections = await lab.connections();
      const limits = lab.host.limits();
      const nothing = { endpoints: [], limits, rules: [], routes: [] };
      await raise();
      const counter = await lab.counter(PORT, cables);
      const daemon = await lab.daemon({ 'eth*': 'subflow' });
      expect(await states(daemon)).toEqual(each(form.reason));
      expect(made(lab)).toEqual(nothing);
      const inner = await inside(connections);
      expect(connections.subflows()).toEqual([INNER.near]);
      expect(await counter.count()).toBe(0);
      await inner.echo('more');
      await connections.closeAll();

      await lower();
      await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
      await expect.poll(() => lab.host.limits().subflows).toBe(8);
      const free = made(lab);
      const outside = await connections.open(ADDRESSES[0]);
      await expect.poll(() => connections.subflows()).toEqual(ADDRESSES);

      await raise();
      await expect
        .poll(() => made(lab))
        .toEqual({ ...nothing, endpoints: lab.host.endpointWords(), limits: CLOSED });
      expect(await states(daemon)).toEqual(
        each(/^conflict: \w+ takes all traffic: .*; its endpoint stays until the open/),
      );
      // A subflow that is bound to a link continues on it.
      await outside.echo('still');
      const before = connections.subflows();
      const second = await inside(connections);
      expect(connections.subflows()).toEqual([...before, INNER.near].sort());
      outside.close();
      await expect.poll(() => made(lab), { timeout: 20_000 }).toEqual(nothing);
      await expect.poll(() => connections.subflows()).toEqual([INNER.near]);
      const sent = await counter.count();
      await second.echo('more');
      await inside(connections);
      expect(await counter.count()).toBe(sent);
      expect(await states(daemon)).toEqual(each(form.reason));
      await connections.closeAll();

      await lower();
      await expect.poll(() => made(lab), { timeout: 20_000 }).toEqual(free);
    },
  );

  test(
    `tunnels: ${name}: "tunnel: bypass" goes past it, whether it comes first or last`,
    { timeout: 120_000 },
    async ({ lab }) => {
      for (const device of ['eth0', 'eth1']) lab.cable(device).connect();
      const { raise, lower } = prepare(lab, form);
      const connections = await lab.connections();
      await raise();
      const daemon = await lab.daemon({ 'eth*': { flags: 'subflow', tunnel: 'bypass' } });
      const goes = async (): Promise<void> => {
        await inside(connections);
        await expect.poll(() => connections.subflows()).toEqual([...ADDRESSES, INNER.near]);
        expect(await states(daemon)).toEqual(each(/^active/));
        expect(ADDRESSES.map((from) => lab.host.leaves('198.51.100.7', from))).toEqual([
          'eth0 via 10.1.0.1',
          'eth1 via 10.2.0.1',
        ]);
        await connections.closeAll();
      };
      await goes();
      await lower();
      await expect
        .poll(() => made(lab))
        .toMatchObject({ rules: expect.arrayContaining([expect.stringContaining('8682')]) as unknown });
      const free = made(lab);
      await raise();
      await goes();
      await lower();
      await expect.poll(() => made(lab)).toEqual(free);
    },
  );
}

interface Split {
  readonly version: 4 | 6;
  readonly up: readonly string[];
}

const SPLITS: Readonly<Record<string, Split>> = {
  'main, by the link': { version: 4, up: ['route add 10.99.0.0/16 dev tun0'] },
  'main, by a gateway': { version: 4, up: [`route add 10.99.0.0/16 via ${INNER.far}`] },
  'a table of its own (Tailscale)': {
    version: 4,
    up: ['rule add priority 5270 lookup 52', 'route add 10.99.0.0/16 dev tun0 table 52'],
  },
  'main, IPv6': { version: 6, up: ['-6 route add 2400:99::/32 dev tun0'] },
  'a table of its own, IPv6': {
    version: 6,
    up: ['-6 rule add priority 5270 lookup 52', '-6 route add 2400:99::/32 dev tun0 table 52'],
  },
};

for (const [name, { version, up }] of Object.entries(SPLITS))
  test.for(['first', 'last'])(
    `tunnels: split, by ${name}: no subflow beside it; the tunnel comes %s`,
    { timeout: 120_000 },
    async (order, { lab }) => {
      const cables = [lab.cable('eth0').connect(version), lab.cable('eth1').connect(version)];
      const addresses = cables.map((cable) => cable.address(version));
      const connections = await lab.connections(version);
      const inner = version === 4 ? INNER.near : INNER.near6;
      lab.provider.ip(`address add ${SERVER}/32 dev lo`);
      for (const cable of cables) if (version === 6) cable.give(4);
      lab.host.ip(`route add ${SERVER} via 10.1.0.1`);
      const raise = async (): Promise<void> => {
        await lab.tunnel('tun0');
        for (const command of up) lab.host.ip(command);
      };
      const unbound = (): string[] => addresses.map((from) => lab.host.leaves(connections.server, from));
      if (order === 'first') await raise();
      const daemon = await lab.daemon({ 'eth*': { flags: 'subflow', families: [`ipv${version}`] } });
      await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
      const counter = await lab.counter(PORT, cables);
      if (order === 'last') {
        const connection = await connections.open(addresses[0]);
        await expect.poll(() => connections.subflows()).toEqual(addresses);
        await connection.echo('outside');
        await connections.closeAll();
        await raise();
      }
      const refusals = (): string =>
        version === 4
          ? lab.host
              .routeWords()
              .filter((each) => each.startsWith('10.99.0.0/16'))
              .join()
          : lab.host
              .ip('-6 rule show')
              .split('\n')
              .filter((each) => /2400:99::.*unreachable/.test(each))
              .join();
      await expect
        .poll(refusals)
        .toMatch(version === 4 ? /dev eth0.*dev eth1/ : /2400:99::\/32.*2400:99::\/32/s);
      // Sockets that are not bound to a link, and traffic other than TCP, are routed as without multihomed.
      expect(unbound().every((each) => each.startsWith('tun0'))).toBe(true);
      const before = await counter.count();
      await inside(connections);
      expect(connections.subflows()).toEqual([inner]);
      expect(await counter.count()).toBe(before);
      expect((await daemon.status())?.uplinks.filter(({ state }) => state === 'active')).toHaveLength(2);
      await connections.closeAll();
      for (const command of up.toReversed()) lab.host.ip(command.replace(' add ', ' del '));
      await expect.poll(refusals).toBe('');
      await daemon.stop();
      expect((await daemon.command('flush')).code).toBe(0);
      expect([lab.host.rules(version), lab.host.routes(version)]).toEqual([[], []]);
    },
  );

test.for(['respect', 'bypass'])(
  'tunnels: a cable that is pulled while one is up gives its connections to the other: %s',
  { timeout: 120_000 },
  async (tunnel, { lab }) => {
    const cable = lab.cable('eth0').connect();
    lab.cable('eth1').connect();
    const { raise } = prepare(lab, FORMS['wg-quick']!);
    const connections = await lab.connections();
    await lab.daemon({ 'eth*': { flags: 'subflow', tunnel } });
    await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
    const connection = await connections.open(ADDRESSES[0]);
    await expect.poll(() => connections.subflows()).toEqual(ADDRESSES);
    await raise();
    await expect.poll(() => lab.host.limits().subflows).toBe(tunnel === 'respect' ? 0 : 8);
    await connection.echo('both');
    cable.pull();
    await expect.poll(() => lab.host.endpointWords()).toEqual(['10.2.0.2 eth1 subflow']);
    await connection.echo('one');
    await expect.poll(() => connections.subflows()).toEqual(['10.2.0.2']);
  },
);
