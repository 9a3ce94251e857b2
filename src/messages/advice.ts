/** What an administrator can do about an uplink that is not active. No advice makes an address less reachable. */
import { IFF_UP, type Link } from '../netlink/route/link.ts';
import type { Evaluation } from '../plan/evaluation.ts';
import { hostRuleRemedy } from '../plan/host-rule-remedy.ts';
import { isTunnelReason, type Reason } from '../plan/reason.ts';
import { spareMetric } from '../plan/spare-metric.ts';
import type { Uplink } from '../plan/uplink.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import { quoteWord, remedyText, type Remedy } from '../system/shell-quote.ts';

export interface Advice {
  readonly text: string;
  /** null: no command that can be run as it is. */
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
        ? words('plug the cable in, or join the network')
        : command([{ argv: ['ip', 'link', 'set', 'dev', link.name, 'up'] }]);
    case 'no address':
      return words(`give ${link.name} an address: by DHCP, or  ip address add ADDRESS/PREFIX dev ${device}`);
    case 'no default route':
      return words(
        `add one:  ${ipCommand(uplink)} route add default via GATEWAY dev ${device} metric ${spareMetric(snapshot)}`,
      );
    case 'no free slot':
      return words('ip mptcp endpoint show  lists who has the slots; the first that is deleted is taken');
    case 'conflict':
      return adviseOnConflict(source);
    case 'failed':
      return adviseOnRefusal(uplink, evaluation);
    case 'verified':
      if (paused) return command([{ argv: ['multihomed', 'reload'] }], 'resume with:  ');
      return words('a running daemon makes what is missing next');
    case 'tentative':
      return words('wait for duplicate address detection: a second or two');
    default:
      return null;
  }
}

const words = (text: string): Advice => ({ text, remedy: null });

/** `before`: words before the command. */
function command(remedy: Remedy, before = ''): Advice {
  return { text: `${before}${remedyText(remedy) ?? ''}`, remedy };
}

const ipCommand = ({ family }: Uplink): string => (family === 'ipv6' ? 'ip -6' : 'ip');

function adviseOnConflict({ uplink, link, evaluation, removal, snapshot }: AdviceSource): Advice {
  if (removal) return words('multihomed doctor  looks for the programs that may do it');
  const verdict = evaluation?.verdict;
  if (isTunnelReason(verdict?.reason))
    return words(
      'no connection is to leave beside the tunnel: the path is used again when it is down; "tunnel: bypass" in the rule uses it all the same',
    );
  if (evaluation?.candidate.hostRule) return adviseOnHostRule(uplink, evaluation, link, snapshot);
  switch (verdict?.reason.code) {
    // Only the administrator can know which of the two links should have the address.
    case 'same-address-first':
    case 'same-address-elsewhere':
    case 'same-address-twice':
      return words(
        '"ip address show" lists both; this link is used once its network gives it another address',
      );
    case 'policy-rule':
      return words(
        `${ipCommand(uplink)} rule show  lists it; that rule decides before ours, and "multihomed doctor" knows whether it may come behind them`,
      );
    default:
      return words(
        '"multihomed doctor" looks for the program that made it; where another uplink uses the table, give this rule another one',
      );
  }
}

/** The administrator's rule takes precedence. */
function adviseOnHostRule(uplink: Uplink, { candidate }: Evaluation, link: Link, snapshot: Snapshot): Advice {
  const argv = hostRuleRemedy(candidate, snapshot);
  return argv
    ? command([{ argv }], `that rule decides; without it the address leaves by ${link.name}:  `)
    : words(
        `that rule decides: "${ipCommand(uplink)} rule show" lists it; a rule that says ignore for ${link.name} ends this message`,
      );
}

function adviseOnRefusal(uplink: Uplink, evaluation: Evaluation | undefined): Advice | null {
  const { reason } = uplink;
  const table = evaluation?.candidate.table;
  if (!table || reason.code !== 'refused' || reason.errno !== 'EEXIST') return null;
  return words(
    `${ipCommand(uplink)} route show table ${table}  lists the route that has its place; give the rule another table`,
  );
}
