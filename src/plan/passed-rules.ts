/** Policy rules of the host behind ours that take some of an address's packets: ours must let these packets pass. */
import { inNetwork } from '../netlink/ip.ts';
import { FR_ACT_TO_TBL, type PolicyRule } from '../netlink/route/policy-rule.ts';
import { isReservedTable, RT_TABLE_LOCAL } from '../netlink/route/route.ts';
import { foreignRules } from '../snapshot/host-route.ts';
import type { Candidate } from './uplink.ts';

export interface PassedRules {
  /** The host's own addresses are looked up behind ours. */
  readonly local: boolean;
  /** What these rules select by, each once, and the priority of the host's rule at which such a packet goes on. */
  readonly passed: readonly { readonly selectors: Buffer; readonly target: number }[];
  /** Tables of rules for all of its packets: what is more specific than a default in them comes before its own. */
  readonly tables: readonly number[];
}

/**
 * `from all lookup local` is at 32765 where VRFs are set up as the kernel's documentation has it
 * (Documentation/networking/vrf.rst); a rule without a number that was there before us (`ip rule add to 10.8.0.0/16
 * lookup 8`, `ip rule add fwmark 1 lookup 1`) is near it.
 */
export function passedRules(
  { family, address, answer }: Pick<Candidate, 'family' | 'address' | 'answer'>,
  policyRules: readonly PolicyRule[],
  /** Priorities of ours. */
  { first, last }: { readonly first: number; readonly last: number },
): PassedRules {
  const rules = foreignRules(policyRules, family);
  const host = answer?.host;
  const deciding = host && host.kind !== 'none' ? rules.indexOf(host.rule) : -1;
  const behind = (deciding === -1 ? rules : rules.slice(0, deciding)).filter(
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
  const targets = [...some, ...(isBehind ? [local] : [])].map(({ priority }) => priority);
  // Among ours a packet would be taken by ours next: only what has a rule there goes on there.
  const beyond = targets.filter((priority) => priority > last);
  const targetOf = ({ priority }: PolicyRule): number => Math.min(...(priority > last ? beyond : targets));
  const tables = behind.filter((rule) => !isForSome(rule) && isPlainLookup(rule)).map(({ table }) => table);
  return {
    local: isBehind,
    passed: [...selectors.values()].map((rule) => ({ selectors: rule.selectors!, target: targetOf(rule) })),
    tables: [...new Set(tables)],
  };
}

const isLocal = ({ table, source, selectors, iif, oif, invert, l3mdev }: PolicyRule): boolean =>
  table === RT_TABLE_LOCAL &&
  !selectors &&
  !invert &&
  !l3mdev &&
  [source, iif, oif].every((each) => each === null);

/** For packets that the host sends from this address, as far as its interfaces and source say. */
const isForAddress = (rule: PolicyRule, address: string): boolean =>
  !rule.invert &&
  !rule.l3mdev &&
  rule.oif === null &&
  (rule.iif === null || rule.iif === 'lo') &&
  (rule.source === null || inNetwork(address, rule.source, rule.sourceLength));

/** By what it selects it is for some of them only. */
const isForSome = ({ destination, fwmark, fwmask, uids, header }: PolicyRule): boolean =>
  destination !== null || (fwmark & fwmask) !== 0 || uids !== null || header;

const isPlainLookup = ({ action, table, suppressGroup }: PolicyRule): boolean =>
  action === FR_ACT_TO_TBL && !isReservedTable(table) && suppressGroup === null;
