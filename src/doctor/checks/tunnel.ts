/** Reports a VPN that takes all traffic, its effect on uplinks, and which uplinks bypass it. */
import { FAMILIES } from '../../netlink/ip.ts';
import { reasonText } from '../../messages/reason.ts';
import { tunnelReason, tunnelsOf } from '../../plan/tunnel.ts';
import type { Facts } from '../facts.ts';
import { finding, type Finding } from '../finding.ts';

export function checkTunnel({ view }: Facts): Finding[] {
  if (!view) return [];
  const { snapshot, plan } = view;
  const tunnels = tunnelsOf(snapshot, plan.selected);
  const found = new Map<string, Finding>();
  for (const family of FAMILIES) {
    const tunnel = tunnels[family];
    if (!tunnel) continue;
    const past = plan.uplinks.filter(
      ({ endpoint, rule, family: own }) => own === family && endpoint !== null && rule?.tunnel === 'bypass',
    );
    const names = [...new Set(past.map((uplink) => uplink.interface))].join(' and ');
    const text = names
      ? `${reasonText(tunnelReason(tunnel))}. Privacy: subflows from ${names} bypass it, because the rule says "tunnel: bypass".`
      : `${reasonText(tunnelReason(tunnel))}. While it is up, no connection gets a subflow outside of it.`;
    const key = `tunnel:${tunnel.link?.name ?? tunnel.rule?.priority}`;
    if (names || !found.has(key)) found.set(key, finding(names ? 'warning' : 'note', key, text));
  }
  return [...found.values()];
}
