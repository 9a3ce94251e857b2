/**
 * Policy rules of the host that come after those of multihomed and select only some of an address's packets. Such
 * packets must skip multihomed's rules and continue at those of the host.
 */
import { inNetwork } from '../netlink/ip.ts';
import { FR_ACT_TO_TBL, type PolicyRule } from '../netlink/route/policy-rule.ts';
import { isReservedTable, RT_TABLE_LOCAL, RT_TABLE_MAIN } from '../netlink/route/route.ts';
import { foreignRules, specificity } from '../snapshot/host-route.ts';
import type { PolicyRoute } from '../snapshot/policy-route.ts';
import type { Candidate } from './candidate.ts';

export interface PassedRules {
  /** The host looks up its local addresses after multihomed's rules. */
  readonly local: boolean;
  /**
   * The selectors of such rules, each once, and the priority of the host's rule at which a selected packet continues.
   */
  readonly passed: readonly { readonly selectors: Buffer; readonly target: number }[];
  /** Tables of later rules for all packets of the address. Their specific routes come before its own table. */
  readonly tables: readonly number[];
}

/**
 * Finds such rules. They are usually near priority 32765: `from all lookup local` where VRFs are set up as in the
 * kernel's documentation (Documentation/networking/vrf.rst), and rules that were added without a priority before
 * multihomed started (`ip rule add to 10.8.0.0/16 lookup 8`, `ip rule add fwmark 1 lookup 1`).
 */
export function passedRules(
  { family, address, lookup }: Pick<Candidate, 'family' | 'address' | 'lookup'>,
  policyRules: readonly PolicyRule[],
  /** First and last priority of multihomed's rules. */
  { first, last }: { readonly first: number; readonly last: number },
  /** The policy rule of a full tunnel that the address bypasses; null: none. */
  tunnelRule: PolicyRule | null,
): PassedRules {
  const rules = foreignRules(policyRules, family).filter((each) => each !== tunnelRule);
  const deciding = decidingRule(rules, lookup?.host, address.address);
  const behind = (deciding ? rules.slice(0, rules.indexOf(deciding)) : rules).filter(
    (rule) => rule.priority > first && isForAddress(rule, address.address),
  );
  const some = behind.filter(isForSome);
  const local = rules.find(isLocal);
  const isBehind = local !== undefined && local.priority >= first;
  const selectors = new Map<string, PolicyRule>();
  for (const rule of some) {
    const key = rule.selectors!.toString('hex');
    if (!selectors.has(key)) selectors.set(key, rule);
  }
  const plain = behind.filter((rule) => !isForSome(rule) && isPlainLookup(rule));
  // A packet continues at the host's first rule, because one for all packets may come before its own. Past a tunnel it
  // continues at its own rule.
  const targets = [...some, ...(tunnelRule ? [] : plain), ...(isBehind ? [local] : [])].map(
    ({ priority }) => priority,
  );
  // A packet that continues between multihomed's rules would match the next of them. So a packet continues there only
  // if its own rule is there.
  const beyond = targets.filter((priority) => priority > last);
  const targetOf = ({ priority }: PolicyRule): number => Math.min(...(priority > last ? beyond : targets));
  return {
    local: isBehind,
    passed: [...selectors.values()].map((rule) => ({ selectors: rule.selectors!, target: targetOf(rule) })),
    tables: [...new Set(plain.map(({ table }) => table))],
  };
}

/**
 * The rule with the default route, so that no packet reaches the rules after it. A split default leads to none, because
 * it decides only some packets: then the rule for main.
 */
function decidingRule(
  rules: readonly PolicyRule[],
  host: PolicyRoute | undefined,
  address: string,
): PolicyRule | undefined {
  if (!host || host.kind === 'none') return undefined;
  if (specificity(host) === 0) return host.rule;
  return rules.find(
    (rule) =>
      rule.action === FR_ACT_TO_TBL &&
      rule.table === RT_TABLE_MAIN &&
      rule.suppressPrefixLength === null &&
      rule.suppressGroup === null &&
      isForAddress(rule, address) &&
      !isForSome(rule),
  );
}

const isLocal = ({ table, source, selectors, iif, oif, invert, l3mdev }: PolicyRule): boolean =>
  table === RT_TABLE_LOCAL &&
  !selectors &&
  !invert &&
  !l3mdev &&
  [source, iif, oif].every((each) => each === null);

/** Whether a rule applies to packets that the host sends from this address, as far as its interfaces and source say. */
const isForAddress = (rule: PolicyRule, address: string): boolean =>
  !rule.invert &&
  !rule.l3mdev &&
  rule.oif === null &&
  (rule.iif === null || rule.iif === 'lo') &&
  (rule.source === null || inNetwork(address, rule.source, rule.sourceLength));

/** Whether its other selectors restrict it to some of these packets. */
const isForSome = ({ destination, fwmark, fwmask, uids, header }: PolicyRule): boolean =>
  destination !== null || (fwmark & fwmask) !== 0 || uids !== null || header;

const isPlainLookup = ({ action, table, suppressGroup }: PolicyRule): boolean =>
  action === FR_ACT_TO_TBL && !isReservedTable(table) && suppressGroup === null;
