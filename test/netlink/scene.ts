/**
 * The namespace in which messages are recorded; every index and hardware address is set, so that they do not change.
 */
import { Netns } from '../support/netns.ts';

export const INDEX = { u0: 10, p0: 11, br0: 12, w0: 13, v0: 14 };

const COMMANDS = [
  'link add u0 index 10 address 02:00:5e:10:00:0a type veth peer name p0 index 11 address 02:00:5e:10:00:0b',
  'link add br0 index 12 address 02:00:5e:10:00:0c type bridge',
  'link add w0 index 13 address 02:00:5e:10:00:0d type veth peer name v0 index 14 address 02:00:5e:10:00:0e',
  'link property add dev u0 altname uplink-of-the-office',
  'link property add dev u0 altname second',
  'link set v0 master br0',
  'link set u0 up',
  'link set p0 up',
  'link set w0 up',
  'link set v0 up',
  'address add 192.0.2.10/24 dev u0',
  'address add 192.0.2.11/24 dev u0 valid_lft 2000 preferred_lft 1000',
  'address add 198.51.100.1 peer 198.51.100.2/32 dev w0',
  'address add 2001:db8:1::10/64 dev u0 nodad',
  'address add 2001:db8:1::11/64 dev u0 nodad valid_lft 3000 preferred_lft 0',
  'route add default via 192.0.2.1 dev u0 proto dhcp metric 100',
  'route add 203.0.113.0/24 table 100 proto 99 nexthop via 192.0.2.1 dev u0 nexthop via 198.51.100.2 dev w0 weight 3',
  'nexthop add id 7 via 192.0.2.1 dev u0',
  'route add 10.1.0.0/16 nhid 7 table 100 proto 99',
  'route add 10.2.0.0/16 via inet6 fe80::1 dev u0 table 100 proto 99',
  'route add 10.3.0.0/16 via 203.0.113.77 dev u0 onlink mtu 1400 advmss 1300 table 100 proto 99',
  'route add unreachable 10.4.0.0/16 metric 5 table 100 proto 99',
  'route add 10.5.0.0/16 dev w0 src 192.0.2.10 table 100 proto 99',
  '-6 route add default via 2001:db8:1::1 dev u0 metric 512 table 100 proto 99',
  '-6 route add 2001:db8:9::/48 via fe80::1 dev u0 expires 5000 table 100 proto 99',
  'rule add from 192.0.2.10 lookup 100 priority 300 protocol 86',
  'rule add from 192.0.2.0/24 lookup main suppress_prefixlength 0 priority 301',
  'rule add fwmark 0x12/0xff iif u0 lookup 100 priority 302',
  'rule add not to 203.0.113.0/24 oif w0 lookup 100 priority 303',
  'rule add ipproto tcp dport 443 lookup 100 priority 304',
  'rule add uidrange 1000-2000 lookup 100 priority 305',
  'rule add from 10.9.0.0/16 unreachable priority 306',
  'rule add tos 0x10 lookup 100 priority 307',
  '-6 rule add from 2001:db8:1::10 lookup 100 priority 300',
];

export function scene(): Netns {
  const netns = new Netns(`wire-${process.pid}`);
  // Their link-local addresses would appear at unpredictable times.
  netns.sysctl('net.ipv6.conf.default.addr_gen_mode', 1);
  for (const command of COMMANDS) netns.ip(command);
  return netns;
}
