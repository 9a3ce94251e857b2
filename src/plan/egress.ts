/** Whether packets from an address leave by its uplink, by the look-ups after routes and policy rules are in place. */
import { inNetwork } from '../netlink/ip.ts';
import { FR_ACT_TO_TBL, type PolicyRule } from '../netlink/route/policy-rule.ts';
import { RTPROT_MULTIHOMED } from '../netlink/route/protocol.ts';
import { type Egress, type Snapshot } from '../snapshot/snapshot.ts';
import type { Assessed, UplinkVerdict } from './evaluation.ts';
import type { EgressDetails } from './reason.ts';
import { PRIORITY } from './routing.ts';

/** The verdict on an uplink whose packets do not leave by it; null: they do. */
export function wrongEgress(assessed: Assessed, snapshot: Snapshot): UplinkVerdict | null {
  const { candidate, path } = assessed;
  // Without a table of its own only the device decides, and the default route was looked up by the device.
  if (candidate.table === null || !path?.default || !candidate.lookup) return null;
  const { bound, unbound } = candidate.lookup;
  const wrong = [bound, unbound].find((egress) => !isRight(egress, assessed));
  if (!wrong) return null;
  const rule = blockingRule(wrong, assessed, snapshot);
  const egress = detailsOf(wrong, snapshot);
  return rule
    ? { state: 'conflict', routed: true, reason: { code: 'policy-rule', priority: rule.priority, egress } }
    : { state: 'failed', routed: true, reason: { code: 'wrong-egress', egress } };
}

/**
 * Whether the packets leave by the address's own table, or by another table with the same link and gateway. A split
 * default is accepted too: it keeps its traffic.
 */
function isRight(egress: Egress, { candidate, path }: Assessed): boolean {
  if (egress.kind === 'specific') return true;
  if (egress.kind === 'none') return false;
  if (!egress.ifindex.includes(candidate.selected.link.index)) return false;
  return egress.table === candidate.table || egress.gateway === (path?.default?.hop.gateway ?? null);
}

/**
 * The first rule of another program that comes before multihomed's, is for this
 * source, and could have given this answer.
 */
function blockingRule(egress: Egress, { candidate }: Assessed, snapshot: Snapshot): PolicyRule | undefined {
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

function detailsOf(egress: Egress, { links }: Snapshot): EgressDetails {
  if (egress.kind === 'none') return { kind: 'none', errno: egress.error.code };
  if (egress.kind === 'specific') return { kind: 'specific' };
  const interfaces = egress.ifindex.map((index) => links.get(index)?.name ?? `interface ${index}`);
  return { kind: 'leaves', interfaces, table: egress.table };
}
