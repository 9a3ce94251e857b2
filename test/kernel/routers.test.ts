/** Two IPv6 routers on one link, with routes as two router advertisements add them. */
import { expect } from 'vitest';
import { test } from '../support/lab.ts';

test('a router that neighbour discovery finds dead is replaced by the other router', async ({ lab }) => {
  const eth = lab.cable('eth0').up();
  lab.host.sysctl('net.ipv6.conf.eth0.accept_ra', 0);
  // Shortens the time to seconds instead of a minute.
  for (const [key, value] of [
    ['base_reachable_time_ms', 800],
    ['delay_first_probe_time', 1],
    ['retrans_time_ms', 150],
  ] as const)
    lab.host.sysctl(`net.ipv6.neigh.eth0.${key}`, value);
  lab.provider.sysctl('net.ipv6.conf.all.keep_addr_on_down', 0);
  lab.provider.ip(`address flush dev ${eth.far}`);
  for (const each of ['1', '9']) {
    lab.provider.ip(`link add r${each} link ${eth.far} type macvlan mode bridge`);
    lab.provider.ip(`link set r${each} up`);
    lab.provider.ip(`address add fe80::${each}/64 dev r${each} nodad`);
    lab.provider.sysctl(`net.ipv6.conf.r${each}.forwarding`, 1);
  }
  eth.addAddress(6);
  lab.host.ip('-6 route add default via fe80::1 dev eth0 metric 1024');
  lab.host.ip('-6 route add default via fe80::9 dev eth0 metric 1025');
  await lab.daemon({ 'eth*': 'subflow' });
  await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
  const leaves = (): string => lab.host.leaves('2001:db8::1', eth.address(6));
  expect(leaves()).toBe('eth0 via fe80::1');
  // Neighbour discovery only finds a dead router while there is traffic.
  const send = (): void => {
    lab.host.sh(`python3 -c "
import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.bind(('${eth.address(6)}', 0))
try: s.sendto(b'x', ('2001:db8::1', 9))
except OSError: pass"`);
  };
  await expect
    .poll(() => (send(), lab.host.ip('-6 neigh show fe80::1 dev eth0')), { interval: 200 })
    .toMatch(/REACHABLE/);
  lab.provider.ip('link set r1 down');
  // The kernel alone takes four seconds for this.
  await expect.poll(() => (send(), leaves()), { interval: 300 }).toBe('eth0 via fe80::9');
});
