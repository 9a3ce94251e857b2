/**
 * Addresses that nothing but a default route should cover, to ask the kernel with; no packet is ever sent there. The first
 * is mptcpd's own choice; the others stand in where a link or a blackhole has it. RFC 5737, RFC 1112 (240/4), RFC 3849,
 * RFC 9637, and IPv6 space that IANA has given to nobody, which the 2000::/3 of a split default does not cover. The last
 * is reached by everybody (AS112, RFC 7535), so that no filter of bogons has it, as one may have all the others.
 */
import type { Family } from '../netlink/ip.ts';

export const PROBES: Readonly<Record<Family, readonly string[]>> = {
  ipv4: ['192.0.2.1', '198.51.100.1', '203.0.113.1', '240.0.0.1', '192.31.196.1'],
  ipv6: ['2001:db8::1', '3fff::1', '4000::1', 'a000::1', '2001:4:112::1'],
};
