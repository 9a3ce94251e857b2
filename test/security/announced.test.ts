/** A peer that announces addresses of its choice: where this host connects to. */
import { expect } from 'vitest';
import { test, type Lab } from '../support/lab.ts';

/** MPTcpExt of the host's /proc/net/netstat. */
function counter(lab: Lab, name: string): number {
  const lines = lab.host.sh('cat /proc/net/netstat').split('\n');
  const [names, numbers] = lines
    .filter((line) => line.startsWith('MPTcpExt:'))
    .map((line) => line.split(' '));
  const at = names!.indexOf(name);
  expect(at, name).toBeGreaterThan(0);
  return Number(numbers![at]);
}

test('limits: auto with subflow rules: no SYN to an address that a peer announces', async ({ lab }) => {
  const eth = lab.cable('eth0').connect();
  const connections = await lab.connections();
  lab.provider.ip('mptcp endpoint add 127.0.0.1 port 22 signal');
  const daemon = await lab.daemon({ 'eth*': 'subflow' });
  await expect.poll(() => daemon.stateOf(eth.address())).toMatch(/^active/);
  expect(lab.host.limits()).toEqual({ subflows: 8, accepted: 0 });
  const first = await connections.open();
  await expect.poll(() => counter(lab, 'AddAddr')).toBeGreaterThan(0);
  for (let times = 0; times < 10; times++) await first.echo(`word ${times}`);
  expect(counter(lab, 'MPJoinSynTx')).toBe(0);
  // The same announcement without the limit causes a SYN to this host's own port 22.
  lab.host.ip('mptcp limits set add_addr_accepted 8');
  await connections.open();
  await expect.poll(() => counter(lab, 'MPJoinSynTx')).toBeGreaterThan(0);
});
