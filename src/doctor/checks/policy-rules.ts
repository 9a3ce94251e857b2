/** Checks for other programs' policy rules before multihomed's, and for their routes in multihomed's tables. */
import { hostBits, inNetwork } from '../../netlink/ip.ts';
import { FR_ACT_TO_TBL, type PolicyRule } from '../../netlink/route/policy-rule.ts';
import { RT_TABLE_LOCAL, RT_TABLE_MAIN } from '../../netlink/route/route.ts';
import type { Details } from '../../plan/reason.ts';
import { PRIORITY_FIRST } from '../../plan/routing.ts';
import { policyRuleArguments } from '../../netlink/route/policy-rule-words.ts';
import type { Facts, HostView } from '../facts.ts';
import { finding, type Finding } from '../finding.ts';
import type { Remedy } from '../../system/shell-quote.ts';
import { RTPROT_MULTIHOMED } from '../../netlink/route/protocol.ts';

/** The priorities 8680 to 8689 are reserved for multihomed. */
const LAST = PRIORITY_FIRST + 9;
const PRIORITY_AFTER = LAST + 1;

export function checkPolicyRules({ view }: Facts): Finding[] {
  if (!view) return [];
  const foreign = view.snapshot.policyRules.filter((rule) => rule.protocol !== RTPROT_MULTIHOMED);
  // The finding for the uplink reports these rules already.
  const reported = view.explanations
    .flatMap(({ uplinks }) => uplinks.filter(({ state }) => state === 'conflict'))
    .flatMap(({ details }) => rulesWith(details, view));
  const findings = [
    ...foreign
      .filter((rule) => rule.priority > 0 && rule.priority < PRIORITY_FIRST && !reported.includes(rule))
      .flatMap((rule) => checkEarlierRule(rule, view)),
    ...foreign
      .filter((rule) => rule.priority >= PRIORITY_FIRST && rule.priority <= LAST && !reported.includes(rule))
      .map((rule) =>
        finding(
          'warning',
          `priority:${rule.family}:${rule.priority}`,
          `Policy rule ${rule.priority} (${sourceText(rule)}) was added by another program with a priority of multihomed (${PRIORITY_FIRST} to ${LAST}).`,
          renumber(rule, view),
        ),
      ),
    ...tables(view),
  ];
  if (findings.length + reported.length > 0) return findings;
  return [
    finding(
      'ok',
      'policy-rules',
      'No policy rule or route of another program conflicts with those of multihomed.',
    ),
  ];
}

/** Reports a rule that would take an uplink's packets to a table whose default route leaves through another link. */
function checkEarlierRule(rule: PolicyRule, view: HostView): Finding[] {
  if (rule.action !== FR_ACT_TO_TBL || rule.narrow || rule.invert || rule.fwmark || rule.destination)
    return [];
  if (rule.iif !== null || rule.oif !== null || rule.suppressPrefixLength !== null) return [];
  if (rule.table === RT_TABLE_LOCAL || rule.table === RT_TABLE_MAIN) return [];
  const hit = view.plan.uplinks.filter(
    (uplink) =>
      uplink.address !== null &&
      uplink.family === rule.family &&
      uplink.table !== null &&
      uplink.table !== rule.table &&
      (rule.source === null || inNetwork(uplink.address, rule.source, rule.sourceLength)) &&
      view.otherDefaults.some(
        (route) =>
          route.table === rule.table &&
          route.family === rule.family &&
          !route.hops.some((hop) => hop.ifindex === uplink.ifindex),
      ),
  );
  if (hit.length === 0) return [];
  const addresses = [...new Set(hit.map(({ address }) => address))].join(', ');
  const remedy = renumber(rule, view);
  return [
    finding(
      'fault',
      `policy-rule:${rule.family}:${rule.priority}`,
      `Policy rule ${rule.priority} (${sourceText(rule)}) comes before those of multihomed and sends packets from ${addresses} to table ${rule.table}, whose default route uses another link${remedy ? '. Moved behind them, it no longer affects these packets' : ''}.`,
      remedy,
    ),
  ];
}

/**
 * Returns the commands that move the rule behind multihomed's, or null when a packet could lose its route by that: when
 * the rule would also move behind another rule of the host, or when its table leads to a link that is not an uplink,
 * because the rule may be there to send all packets to that link.
 */
export function renumber(rule: PolicyRule, { snapshot, plan, otherDefaults }: HostView): Remedy | null {
  const { policyRules } = snapshot;
  const isPassed = policyRules.some(
    (each) =>
      each !== rule &&
      each.family === rule.family &&
      each.protocol !== RTPROT_MULTIHOMED &&
      each.priority >= rule.priority &&
      each.priority <= PRIORITY_AFTER,
  );
  const uplinks = new Set(plan.selected.filter((each) => !each.rule.ignore).map(({ link }) => link.index));
  const leadsOut = otherDefaults
    .filter(({ table, family }) => table === rule.table && family === rule.family)
    .some(({ hops }) => hops.length === 0 || hops.some(({ ifindex }) => !uplinks.has(ifindex)));
  if (isPassed || leadsOut || rule.action !== FR_ACT_TO_TBL) return null;
  const [added, deleted] = [PRIORITY_AFTER, rule.priority].map((each) =>
    policyRuleArguments(rule, policyRules, each),
  );
  const ip = rule.family === 'ipv6' ? ['ip', '-6', 'rule'] : ['ip', 'rule'];
  return added && deleted
    ? [{ argv: [...ip, 'add', ...added] }, { argv: [...ip, 'delete', ...deleted] }]
    : null;
}

const sourceText = (rule: PolicyRule): string =>
  `from ${rule.source === null ? 'all' : rule.sourceLength === hostBits(rule.family) ? rule.source : `${rule.source}/${rule.sourceLength}`} lookup ${rule.table}`;

function tables(view: HostView): Finding[] {
  const numbers = [...new Set(view.foreignRoutes.map((route) => route.table))];
  return numbers.map((table) => {
    const protocols = [
      ...new Set(view.foreignRoutes.filter((each) => each.table === table).map((each) => each.protocol)),
    ];
    const flush = protocols.flatMap((protocol) =>
      ['-4', '-6']
        .filter((family) =>
          view.foreignRoutes.some(
            (each) =>
              each.table === table &&
              each.protocol === protocol &&
              (each.family === 'ipv6') === (family === '-6'),
          ),
        )
        .map((family) => ({
          argv: ['ip', family, 'route', 'flush', 'table', `${table}`, 'proto', `${protocol}`],
        })),
    );
    // A policy rule of the host that leads to this table needs these routes.
    const users = view.snapshot.policyRules.filter(
      (rule) => rule.table === table && rule.protocol !== RTPROT_MULTIHOMED,
    );
    const used = users.length > 0 ? `, to which policy rule ${users[0]!.priority} leads` : '';
    return finding(
      'warning',
      `table:${table}`,
      `Table ${table} belongs to an uplink, and another program has added routes to it${used}.`,
      used ? null : flush,
    );
  });
}

/** The policy rules of other programs with the priority that the details of a reason name. */
export function rulesWith(details: Details, view: HostView): PolicyRule[] {
  const priority = 'priority' in details ? details.priority : null;
  return view.snapshot.policyRules.filter(
    (rule) => rule.priority === priority && rule.protocol !== RTPROT_MULTIHOMED,
  );
}
