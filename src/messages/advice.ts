/**
 * Advice for an administrator on an uplink that is not active or has misrouted packets. No advice makes an address less
 * reachable.
 */
import { IFF_UP, type Link } from '../netlink/route/link.ts';
import type { Evaluation } from '../plan/evaluation.ts';
import { hostRuleRemedy } from '../plan/host-rule-remedy.ts';
import { isTunnelReason, type Reason } from '../plan/reason.ts';
import { spareMetric } from '../plan/spare-metric.ts';
import type { Uplink } from '../plan/uplink.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import { quoteWord, type Remedy } from '../system/shell-quote.ts';

export interface Advice {
  /** What to do; without the commands of the remedy. */
  readonly text: string;
  /** The commands that do it; null: there are none that can be pasted unchanged. */
  readonly remedy: Remedy | null;
}

export interface AdviceSource {
  readonly uplink: Uplink;
  readonly link: Link;
  /** undefined: an uplink without an address. */
  readonly evaluation: Evaluation | undefined;
  /** As `removalConflict` returns it. */
  readonly removal: Reason | null;
  readonly snapshot: Snapshot;
  readonly paused: boolean;
}

/** @returns null: there is nothing to do */
export function advise(source: AdviceSource): Advice | null {
  const { uplink, link, evaluation, snapshot, paused } = source;
  const device = quoteWord(link.name);
  // For a lingering endpoint, advise on what ended its path.
  const state = uplink.state === 'lingering' ? (evaluation?.verdict?.state ?? uplink.state) : uplink.state;
  switch (state) {
    case 'no carrier':
      return link.flags & IFF_UP
        ? words('connect the cable, or join the Wi-Fi network')
        : { text: 'set the link up', remedy: [{ argv: ['ip', 'link', 'set', 'dev', link.name, 'up'] }] };
    case 'no address':
      return words(
        `give ${link.name} an address, by DHCP or by hand:  ip address add ADDRESS/PREFIX dev ${device}`,
      );
    case 'no default route':
      return words(
        `add one:  ${ipCommand(uplink)} route add default via GATEWAY dev ${device} metric ${spareMetric(snapshot)}`,
      );
    case 'no free slot':
      return words('"ip mptcp endpoint show" lists the endpoints; delete one to free its slot');
    case 'conflict':
      return adviseOnConflict(source);
    case 'failed':
      return adviseOnRefusal(uplink, evaluation);
    case 'verified':
      if (paused) return { text: 'resume', remedy: [{ argv: ['multihomed', 'reload'] }] };
      return words('the daemon, if it is running, adds what is missing');
    case 'tentative':
      return words('wait a second or two for duplicate address detection');
    default:
      return uplink.misrouted ? words(EXEMPTION) : null;
  }
}

/** What to do if a firewall marks the packets of an uplink. */
export const EXEMPTION =
  'exempt packets of sockets that are bound to the interface from the firewall rules that mark them';

const words = (text: string): Advice => ({ text, remedy: null });

const ipCommand = ({ family }: Uplink): string => (family === 'ipv6' ? 'ip -6' : 'ip');

function adviseOnConflict({ uplink, link, evaluation, removal, snapshot }: AdviceSource): Advice {
  if (removal) return words('"multihomed doctor" looks for programs that may do this');
  const verdict = evaluation?.verdict;
  if (isTunnelReason(verdict?.reason))
    return words(
      'the uplink is used again when the tunnel is down; with "tunnel: bypass" in the rule, it is also used while the tunnel is up',
    );
  if (evaluation?.candidate.hostRule) return adviseOnHostRule(uplink, evaluation, link, snapshot);
  switch (verdict?.reason.code) {
    // Only the administrator can know which of the two links should have the address.
    case 'same-address-first':
    case 'same-address-elsewhere':
    case 'same-address-twice':
      return words('"ip address show" lists both; this link is used when it gets another address');
    case 'policy-rule':
      return words(
        `"${ipCommand(uplink)} rule show" lists it; it comes before the rules of multihomed, and "multihomed doctor" shows whether it can be moved behind them`,
      );
    default:
      return words(
        '"multihomed doctor" looks for the program that added it; if another uplink uses the table, give this rule another table',
      );
  }
}

/** The administrator's rule takes precedence. */
function adviseOnHostRule(uplink: Uplink, { candidate }: Evaluation, link: Link, snapshot: Snapshot): Advice {
  const argv = hostRuleRemedy(candidate, snapshot);
  return argv
    ? { text: `that rule takes precedence; to use ${link.name} instead, delete it`, remedy: [{ argv }] }
    : words(
        `that rule takes precedence ("${ipCommand(uplink)} rule show" lists it); to end this message, set ${JSON.stringify(link.name)} to ignore in the configuration`,
      );
}

function adviseOnRefusal(uplink: Uplink, evaluation: Evaluation | undefined): Advice | null {
  const { reason } = uplink;
  const table = evaluation?.candidate.table;
  if (!table || reason.code !== 'refused' || reason.errno !== 'EEXIST') return null;
  return words(
    `"${ipCommand(uplink)} route show table ${table}" lists the route in its place; give the rule another table`,
  );
}
