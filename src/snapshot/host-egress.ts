/**
 * Finds where packets leave if no policy rule selects them by source or mark, and which routes lead through tunnels.
 */
import type { Requester } from '../netlink/connection.ts';
import type { Family } from '../netlink/ip.ts';
import type { Fib } from '../netlink/route/fib.ts';
import type { Link } from '../netlink/route/link.ts';
import type { PolicyRule } from '../netlink/route/policy-rule.ts';
import { RTPROT_MULTIHOMED } from '../netlink/route/protocol.ts';
import { dumpRoutes, RTN_UNICAST, RT_TABLE_MAIN, type Route } from '../netlink/route/route.ts';
import type { HostRoutes } from './host-route.ts';
import type { UnreachableCode } from './policy-route.ts';

export type HostEgress =
  | {
      readonly kind: 'route';
      /** Interface indices of all hops. */
      readonly ifindexes: readonly number[];
      readonly table: number;
      /** Prefix length of the route: 1 for a split default (0/1 and 128/1). */
      readonly prefixLength: number;
      /**
       * The policy rule that leads into the table; null: main's rule, or a rule that selects by more than addresses.
       */
      readonly rule: PolicyRule | null;
    }
  /** A policy rule of the host refuses all packets, as a VPN's does that blocks traffic outside the tunnel. */
  | { readonly kind: 'refused'; readonly rule: PolicyRule; readonly code: UnreachableCode };

/**
 * Public addresses that a route for all traffic must cover, so that one look-up shows it. The first belongs to
 * AS112 (RFC 7535): no bogon filter contains it, and a VPN that carries all but private networks carries it. The second
 * is for documentation; it distinguishes a route for the first alone from a route for all. The IPv6 addresses are in
 * 2000::/3, which split defaults use.
 */
const PUBLIC: Readonly<Record<Family, readonly [string, string]>> = {
  ipv4: ['192.31.196.1', '203.0.113.1'],
  ipv6: ['2001:4:112::1', '2001:db8::1'],
};

/** @returns null: packets leave nowhere, or by routes for some destinations only */
export async function findHostEgress(
  fib: Fib,
  family: Family,
  hosts: HostRoutes,
): Promise<HostEgress | null> {
  const [first, second] = PUBLIC[family];
  const lookup = await fib({ family, destination: first });
  if (!('route' in lookup)) {
    const found = await hosts.unbound(family, first);
    if (found.kind !== 'refused' || found.rule.table === RT_TABLE_MAIN) return null;
    return (found.route?.prefixLength ?? 0) === 0
      ? { kind: 'refused', rule: found.rule, code: found.code }
      : null;
  }
  const { route } = lookup;
  if (route.type !== RTN_UNICAST) return null;
  let { prefixLength } = route;
  if (prefixLength > 0) {
    const other = await fib({ family, destination: second });
    if ('route' in other) {
      if (!other.route.hops.every(({ ifindex }) => route.hops.some((hop) => hop.ifindex === ifindex)))
        return null;
      prefixLength = Math.min(prefixLength, other.route.prefixLength);
    }
  }
  const found = route.table === RT_TABLE_MAIN ? null : await hosts.unbound(family, first);
  return {
    kind: 'route',
    ifindexes: route.hops.map(({ ifindex }) => ifindex),
    table: route.table,
    prefixLength,
    rule: found?.kind === 'route' ? found.rule : null,
  };
}

/**
 * The policy rule by which a full tunnel takes traffic; null: none.
 * @param uplinks interface indices of uplinks, which are no tunnels
 */
export function tunnelRuleOf(egress: HostEgress | null, uplinks: ReadonlySet<number>): PolicyRule | null {
  if (egress?.kind === 'refused') return egress.rule;
  return egress && !egress.ifindexes.some((each) => uplinks.has(each)) ? egress.rule : null;
}

/** IFLA_INFO_KIND of links whose packets leave inside packets of other links (linux/if_link.h). */
const TUNNELS = new Set([
  ...['wireguard', 'amneziawg', 'tun', 'ovpn', 'ovpn-dco', 'gre', 'gretap', 'ip6gre', 'ip6gretap', 'erspan'],
  ...['ip6erspan', 'ipip', 'ip6tnl', 'sit', 'vti', 'vti6', 'xfrm'],
]);

/** Whether the link is of a tunnel kind. */
export const isTunnel = ({ kind }: Pick<Link, 'kind'>): boolean => kind !== null && TUNNELS.has(kind);

/** Limit of routes per tunnel: more than a VPN has; the full table of a router is not read to its end. */
const MAX_ROUTES = 4096;

/** Routes through these links, in any table, without default routes. */
export async function readTunnelRoutes(
  requester: Requester,
  families: readonly Family[],
  links: readonly Link[],
): Promise<readonly Route[]> {
  const dumps = links.flatMap(({ index }) =>
    families.map((family) => dumpRoutes(requester, { family, ifindex: index, most: MAX_ROUTES })),
  );
  return (await Promise.all(dumps))
    .flat()
    .filter(
      ({ type, prefixLength, protocol }) =>
        type === RTN_UNICAST && prefixLength > 0 && protocol !== RTPROT_MULTIHOMED,
    );
}
