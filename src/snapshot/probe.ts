/**
 * Destinations for look-ups that only a default route should cover; no packet is ever sent there. The first is
 * the one that mptcpd uses; the others replace it where a link or a blackhole route has it. They are from RFC
 * 5737, RFC 1112 (240/4), RFC 3849, RFC 9637, and IPv6 space that IANA has not allocated, which the 2000::/3 of a
 * split default does not cover. The last is a public service (AS112, RFC 7535), so no bogon filter contains it,
 * whereas one may contain all the others.
 */
import type { Family } from '../netlink/ip.ts';

export const PROBES: Readonly<Record<Family, readonly string[]>> = {
  ipv4: ['192.0.2.1', '198.51.100.1', '203.0.113.1', '240.0.0.1', '192.31.196.1'],
  ipv6: ['2001:db8::1', '3fff::1', '4000::1', 'a000::1', '2001:4:112::1'],
};
