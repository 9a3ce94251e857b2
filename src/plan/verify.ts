/** Verifies that an address's packets leave by its uplink, by a look-up after routes and policy rules are in place. */
import { inNetwork } from '../netlink/ip.ts';
import { FR_ACT_TO_TBL, type PolicyRule } from '../netlink/route/policy-rule.ts';
import { RTPROT_MULTIHOMED, type Snapshot, type Egress } from '../snapshot/snapshot.ts';
import type { Verdict } from './assess.ts';
import { PRIORITY } from './routing.ts';
import type { Viable } from './uplink.ts';

/** @returns null: verified */
export function verify(viable: Viable, snapshot: Snapshot): Verdict | null {
  const { candidate } = viable;
  // Without a table of its own only the device decides, and the default route was looked up by the device.
  if (candidate.table === null || !viable.default || !candidate.lookup) return null;
  const { bound, unbound } = candidate.lookup;
  for (const egress of [bound, unbound]) {
    if (right(egress, viable)) continue;
    const suspect = blockingRule(egress, viable, snapshot);
    return suspect
      ? {
          state: 'conflict',
          routed: true,
          reason: `policy rule ${suspect.priority} ${leads(egress, snapshot)}`,
        }
      : {
          state: 'failed',
          routed: true,
          reason: `the kernel ${leads(egress, snapshot)} although routes and policy rule stand`,
        };
  }
  return null;
}

/**
 * Whether the packets leave by the address's own table, or by another table with the same link and gateway. A split
 * default keeps its traffic and is no fault.
 */
function right(egress: Egress, { candidate, default: found }: Viable): boolean {
  if (egress.kind === 'specific') return true;
  if (egress.kind === 'none') return false;
  if (!egress.ifindex.includes(candidate.selected.link.index)) return false;
  return egress.table === candidate.table || egress.gateway === (found?.hop.gateway ?? null);
}

/**
 * The first rule of another program that comes before multihomed's, is for this
 * source, and could have given this answer.
 */
function blockingRule(egress: Egress, { candidate }: Viable, snapshot: Snapshot): PolicyRule | undefined {
  return snapshot.policyRules.find(
    (rule) =>
      rule.family === candidate.family &&
      rule.protocol !== RTPROT_MULTIHOMED &&
      rule.priority <= PRIORITY &&
      rule.priority > 0 &&
      (rule.source === null || inNetwork(candidate.address.address, rule.source, rule.sourceLength)) &&
      (egress.kind === 'leaves' && rule.action === FR_ACT_TO_TBL
        ? rule.table === egress.table
        : egress.kind === 'none'),
  );
}

function leads(egress: Egress, snapshot: Snapshot): string {
  if (egress.kind === 'leaves')
    return `sends packets from this address out by ${names(egress.ifindex, snapshot)} (table ${egress.table})`;
  return egress.kind === 'none'
    ? `lets no packet from this address out (${egress.error.code})`
    : 'has a more specific route';
}

const names = (indices: readonly number[], snapshot: Snapshot): string =>
  indices.map((index) => snapshot.links.get(index)?.name ?? `interface ${index}`).join(', ');
