/** A tunnel that is itself carried by Multipath TCP, as OpenMPTCProuter's: its own packets use every uplink. */
import { execFileSync } from 'node:child_process';
import { expect } from 'vitest';
import { openByRoute } from '../support/connections.ts';
import { test } from '../support/lab.ts';
import { INNER, OUTER_PORT, SERVER } from '../support/tunnel.ts';

test.for([
  ['respect', /^conflict: tun0 takes all traffic: .*; its endpoint stays until no open connection uses it/],
  ['bypass', /^active/],
] as const)(
  'a tunnel over MPTCP moves to the other cable when one is pulled: tunnel: %s',
  async ([tunnel, state], { lab }) => {
    const cables = [lab.cable('eth0').connect(), lab.cable('eth1').connect()] as const;
    const addresses = cables.map((cable) => cable.address());
    lab.provider.ip(`address add ${SERVER}/32 dev lo`);
    const daemon = await lab.daemon({ 'eth*': { flags: 'subflow', tunnel } });
    await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
    /** Local addresses of the tunnel's own subflows, by `ss`. */
    const carriers = (): string[] =>
      execFileSync('ss', ['-N', lab.host.name, '-tnH', 'state', 'established'], { encoding: 'utf8' })
        .split('\n')
        .flatMap(
          (line) => new RegExp(`([\\d.]+)(?:%\\w+)?:\\d+\\s+${SERVER}:${OUTER_PORT}`).exec(line)?.[1] ?? [],
        )
        .sort();
    await lab.tunnel('tun0', 0, 'mptcp');
    await expect.poll(carriers).toEqual(addresses);
    lab.host.ip(`route add ${SERVER} via ${cables[0].gateway()}`);
    for (const half of ['0.0.0.0/1', '128.0.0.0/1']) lab.host.ip(`route add ${half} via ${INNER.far}`);
    for (const address of addresses) await expect.poll(() => daemon.stateOf(address)).toMatch(state);
    expect(carriers()).toEqual(addresses);
    const connections = await lab.connections();
    const inner = await openByRoute(connections);
    cables[0].unplug();
    await expect.poll(carriers).toEqual([addresses[1]]);
    await inner.echo('by the other cable');
  },
);
