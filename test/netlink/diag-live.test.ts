/** Live connections between two namespaces; ss(8) is the oracle. */
import { expect } from 'vitest';
import { NetlinkConnection } from '../../src/netlink/connection.ts';
import { destroySubflow } from '../../src/netlink/destroy.ts';
import { dumpConnectionSockets, dumpSubflowSockets } from '../../src/netlink/diag.ts';
import { getLinkStats } from '../../src/netlink/route/stats.ts';
import { NETLINK_ROUTE, NETLINK_SOCK_DIAG } from '../../src/system/addon.ts';
import { systemClock } from '../../src/system/clock.ts';
import { isKernelBefore } from '../support/kernel.ts';
import { test } from '../support/lab.ts';
import { missing } from '../support/programs.ts';

const lacks = missing({ ping: 'iputils-ping' });
if (lacks !== null) console.log(`Link counters are not tested: ${lacks}.`);

/** What `ss -tin` prints of one subflow. */
interface Shown {
  readonly state: string;
  readonly local: string;
  readonly remote: string;
  readonly token: number;
  readonly ids: { readonly local: number; readonly remote: number };
  readonly flags: string;
  readonly acked: number;
  readonly received: number;
  readonly retransmits: number;
  /** Milliseconds. */
  readonly rtt: number;
}

function shown(text: string): Shown[] {
  return text
    .replace(/\n[ \t]+/g, ' ')
    .split('\n')
    .filter((line) => line.includes('tcp-ulp-mptcp'))
    .map((line) => {
      const [state = '', , , local = '', remote = ''] = line.trim().split(/\s+/);
      const of = (pattern: RegExp, otherwise = '0'): string => pattern.exec(line)?.[1] ?? otherwise;
      const [, , remoteId, token = '', localId] =
        /token:(\w+)\(id:(\d+)\)\/(\w+)\(id:(\d+)\)/.exec(line) ?? [];
      return {
        ...{ state, remote, local: local.replace(/%[^:]+/, '') },
        token: Number.parseInt(token, 16),
        ids: { local: Number(localId), remote: Number(remoteId) },
        flags: of(/flags:(\w+)/),
        acked: Number(of(/bytes_acked:(\d+)/)),
        received: Number(of(/bytes_received:(\d+)/)),
        retransmits: Number(of(/retrans:\d+\/(\d+)/)),
        rtt: Number(of(/ rtt:([\d.]+)/)),
      };
    })
    .sort((a, b) => (a.local < b.local ? -1 : 1));
}

test('sock_diag: subflows and connections equal the output of ss', async ({ lab }) => {
  const first = lab.cable('eth0').up().addAddress();
  const second = lab.cable('wwan0').up().addAddress();
  for (const cable of [first, second]) {
    lab.host.ip(`route add default via ${cable.gateway()} dev ${cable.device} metric ${cable.network}`);
    // Each address uses its own cable.
    lab.host.ip(`route add default via ${cable.gateway()} table ${100 + cable.network}`);
    lab.host.ip(`rule add from ${cable.address()} lookup ${100 + cable.network}`);
  }
  const connections = await lab.connections();
  const connection = await connections.open(first.address());
  lab.host.ip('mptcp limits set subflows 8');
  lab.host.ip(`mptcp endpoint add ${second.address()} dev wwan0 subflow backup`);
  await expect.poll(() => connections.subflows()).toEqual([first.address(), second.address()]);
  for (let round = 0; round < 20; round++) await connection.echo(`round ${round} ${'x'.repeat(5000)}`);
  const diag = new NetlinkConnection({
    protocol: NETLINK_SOCK_DIAG,
    clock: systemClock,
    netns: lab.host.path,
  });
  try {
    const look = (): Shown[] => shown(lab.host.sh('ss -tinH'));
    let ss = look();
    let decoded = await dumpSubflowSockets(diag);
    // An acknowledgement may arrive between the two readings.
    for (let again = look(); JSON.stringify(again) !== JSON.stringify(ss); again = look()) {
      ss = again;
      decoded = await dumpSubflowSockets(diag);
    }
    decoded.sort((a, b) => (a.local.address < b.local.address ? -1 : 1));
    expect(ss).toHaveLength(2);
    expect(
      decoded.map(({ state, local, remote, token, ids, traffic }) => ({
        ...{ state, token, ids },
        ...{ local: `${local.address}:${local.port}`, remote: `${remote.address}:${remote.port}` },
        ...{ acked: traffic?.acked, received: traffic?.received, retransmits: traffic?.retransmits },
      })),
    ).toEqual(
      ss.map(({ state, token, ids, local, remote, acked, received, retransmits }) => ({
        state,
        token,
        ids,
        local,
        remote,
        acked,
        received,
        retransmits,
      })),
    );
    // In ss's flags: B of the remote side, b of the local one.
    expect(decoded.map(({ backup }) => [backup.local, backup.remote])).toEqual(
      ss.map(({ flags }) => [flags.includes('b'), flags.includes('B')]),
    );
    expect(decoded.map(({ backup }) => backup.local || backup.remote)).toEqual([false, true]);
    decoded.forEach(({ traffic }, at) => expect(traffic!.rtt / 1000).toBeCloseTo(ss[at]!.rtt, 1));
    expect(decoded[0]!.traffic!.received).toBeGreaterThan(100_000);
    expect(decoded[1]!.ifindex).toBe(lab.host.index('wwan0'));

    // The kernel selects by address, for the health of one path.
    const [one, ...rest] = await dumpSubflowSockets(diag, [second.address()]);
    expect([one?.local.address, rest.length]).toEqual([second.address(), 0]);

    const token = /token:(\w+)/.exec(lab.host.sh('ss -MinH'))?.[1] ?? '';
    const [listed, ...others] = await dumpConnectionSockets(diag);
    expect(others).toEqual([]);
    expect(listed).toMatchObject({ token: Number.parseInt(token, 16), state: 'ESTAB', fallback: false });
    expect(listed).toMatchObject({ token: decoded[0]!.token, extraSubflows: 1 });

    await new Promise((resolve) => setTimeout(resolve, 300));
    const [later] = await dumpConnectionSockets(diag);
    if (isKernelBefore(6, 10)) expect(later!.sinceData).toBeNull();
    else expect(later!.sinceData! - listed!.sinceData!).toBeGreaterThanOrEqual(250);

    expect(await destroySubflow(diag, one!)).toBe(true);
    await expect.poll(() => connections.subflows()).toEqual([first.address()]);
    expect(await destroySubflow(diag, one!)).toBe(false);
    await connection.echo('on the other');
  } finally {
    diag.close();
  }
});

test('sock_diag: one request gives both families, and the kernel selects by several addresses', async ({
  lab,
}) => {
  const cables = ['eth0', 'wwan0'].map((device) => lab.cable(device));
  for (const version of [4, 6] as const) {
    for (const cable of cables) cable.connect(version);
    const connections = await lab.connections(version);
    for (const cable of cables) await connections.open(cable.address(version));
  }
  const [a4, b4, a6, b6] = ([4, 6] as const).flatMap((version) =>
    cables.map((cable) => cable.address(version)),
  ) as [string, string, string, string];
  const diag = new NetlinkConnection({
    protocol: NETLINK_SOCK_DIAG,
    clock: systemClock,
    netns: lab.host.path,
  });
  const locals = async (...sources: string[]): Promise<string[]> =>
    (await dumpSubflowSockets(diag, sources)).map(({ local }) => local.address).sort();
  try {
    expect(await locals()).toEqual([a4, b4, a6, b6].sort());
    expect(await locals(a4, b4)).toEqual([a4, b4].sort());
    expect(await locals(b6, a4)).toEqual([b6, a4].sort());
    expect(await locals('192.0.2.1', b6, '2001:db8::1', b4, a6)).toEqual([b6, b4, a6].sort());
    expect(await locals('2001:db8::1', '192.0.2.1')).toEqual([]);
  } finally {
    diag.close();
  }
});

test.skipIf(lacks !== null)('link counters equal the output of ip -s', async ({ lab }) => {
  const cable = lab.cable('eth0').up().addAddress();
  lab.host.sh(`ping -c 2 -i 0.1 ${cable.gateway()}`);
  const shownNow = (): unknown => {
    type Shown = { stats64: Record<'rx' | 'tx', { packets: number }> };
    const { rx, tx } = lab.host.json<Shown[]>('-s link show eth0')[0]!.stats64;
    return { received: rx.packets, sent: tx.packets };
  };
  const route = new NetlinkConnection({ protocol: NETLINK_ROUTE, clock: systemClock, netns: lab.host.path });
  try {
    // Neighbour discovery may send between the two readings.
    await expect
      .poll(async () => [await getLinkStats(route, lab.host.index('eth0')), shownNow()])
      .toSatisfy(([decoded, oracle]: unknown[]) => JSON.stringify(decoded) === JSON.stringify(oracle));
    await expect(getLinkStats(route, 9_999)).rejects.toMatchObject({ code: 'ENODEV' });
  } finally {
    route.close();
  }
});
