/** Verifies that an address's packets leave by its uplink, by a look-up after routes and policy rules are in place. */
import { inNetwork } from '../netlink/ip.ts';
import { FR_ACT_TO_TBL, type PolicyRule } from '../netlink/route/policy-rule.ts';
import { RTPROT_MULTIHOMED, type Snapshot, type Way } from '../snapshot/snapshot.ts';
import type { Verdict } from './assess.ts';
import { PRIORITY } from './routing.ts';
import type { Viable } from './uplink.ts';

/** @returns null: verified */
export function verify(viable: Viable, snapshot: Snapshot): Verdict | null {
  const { candidate } = viable;
  // Without a table of its own only the device decides, and the default route was looked up by the device.
  if (candidate.table === null || !viable.default || !candidate.answer) return null;
  const { bound, unbound } = candidate.answer;
  for (const way of [bound, unbound]) {
    if (right(way, viable)) continue;
    const suspect = suspectOf(way, viable, snapshot);
    return suspect
      ? { state: 'conflict', routed: true, reason: `policy rule ${suspect.priority} ${leads(way, snapshot)}` }
      : {
          state: 'failed',
          routed: true,
          reason: `the kernel ${leads(way, snapshot)} although routes and policy rule stand`,
        };
  }
  return null;
}

/**
 * Whether the packets leave by the address's own table, or by another table with the same link and gateway. A split
 * default keeps its traffic and is no fault.
 */
function right(way: Way, { candidate, default: found }: Viable): boolean {
  if (way.kind === 'specific') return true;
  if (way.kind === 'none') return false;
  if (!way.ifindex.includes(candidate.selected.link.index)) return false;
  return way.table === candidate.table || way.gateway === (found?.hop.gateway ?? null);
}

/**
 * The first rule of another program that comes before multihomed's, is for this
 * source, and could have given this answer.
 */
function suspectOf(way: Way, { candidate }: Viable, snapshot: Snapshot): PolicyRule | undefined {
  return snapshot.policyRules.find(
    (rule) =>
      rule.family === candidate.family &&
      rule.protocol !== RTPROT_MULTIHOMED &&
      rule.priority <= PRIORITY &&
      rule.priority > 0 &&
      (rule.source === null || inNetwork(candidate.address.address, rule.source, rule.sourceLength)) &&
      (way.kind === 'leaves' && rule.action === FR_ACT_TO_TBL
        ? rule.table === way.table
        : way.kind === 'none'),
  );
}

function leads(way: Way, snapshot: Snapshot): string {
  if (way.kind === 'leaves')
    return `sends packets from this address out by ${names(way.ifindex, snapshot)} (table ${way.table})`;
  return way.kind === 'none'
    ? `lets no packet from this address out (${way.error.code})`
    : 'has a more specific route';
}

const names = (indices: readonly number[], snapshot: Snapshot): string =>
  indices.map((index) => snapshot.links.get(index)?.name ?? `interface ${index}`).join(', ');
