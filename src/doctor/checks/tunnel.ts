/** A VPN that is meant to carry everything: subflows are bound to their own links, and go beside it. */
import type { Facts } from '../facts.ts';
import { finding, type Finding } from '../finding.ts';

/** IFLA_INFO_KIND of links that put packets into others. */
const TUNNELS = new Set([
  ...['tun', 'wireguard', 'ipip', 'sit', 'ip6tnl', 'gre', 'ip6gre', 'gretap', 'vti', 'vti6', 'xfrm'],
  ...['amneziawg', 'ovpn', 'l2tp'],
]);

export function checkTunnel({ view }: Facts): Finding[] {
  if (!view) return [];
  const { snapshot, plan } = view;
  const uplinks = new Set(plan.selected.filter(({ rule }) => !rule.ignore).map(({ link }) => link.index));
  const found = new Map<string, Finding>();
  for (const { family, ifindex, split } of view.unbound) {
    const link = snapshot.links.get(ifindex);
    if (!link?.kind || !TUNNELS.has(link.kind) || uplinks.has(ifindex)) continue;
    const beside = [
      ...new Set(
        plan.uplinks
          .filter((uplink) => uplink.family === family && uplink.endpoint !== null)
          .map((uplink) => uplink.interface),
      ),
    ];
    const how = split ? 'two half defaults lead' : 'the default route leads';
    const text =
      beside.length > 0
        ? `Privacy: ${how} into the VPN ${link.name}, and subflows from ${beside.join(' and ')} go out beside it, uncovered; have the rules ignore these links while it must carry everything.`
        : `${how[0]?.toUpperCase()}${how.slice(1)} into the VPN ${link.name}: subflows from uplinks will go out beside it.`;
    found.set(link.name, finding(beside.length > 0 ? 'warning' : 'note', `tunnel:${link.name}`, text));
  }
  return [...found.values()];
}
