/** Which addresses of an interface can be used, by their own properties and the rule. */
import { type Family, addressRange } from '../netlink/ip.ts';
import {
  IFA_F_TENTATIVE,
  IFA_F_DADFAILED,
  IFA_F_DEPRECATED,
  IFA_F_TEMPORARY,
  type Address,
} from '../netlink/route/address.ts';
import type { Rule } from '../rules/rule.ts';
import type { KernelObjects, RouteLookup } from '../snapshot/snapshot.ts';
import type { Exclusion } from './candidate.ts';
import { groupedBy } from './grouped-by.ts';
import type { ExcludedRange, Reason } from './reason.ts';

const byLink = groupedBy(({ ifindex, family }: Address) => `${ifindex} ${family}`);

/** The addresses of one interface in one family, in the kernel's order. */
export const addressesOf = (
  { addresses }: Pick<KernelObjects, 'addresses'>,
  ifindex: number,
  family: Family,
): readonly Address[] => byLink(addresses, `${ifindex} ${family}`);

/** Whether an address is in fe80::/10 or 169.254.0.0/16. */
export const isLinkLocal = (address: string): boolean => addressRange(address) === 'linkLocal';

/** Whether duplicate address detection has not ended, or has failed. */
export function isUnfinished(address: Address): boolean {
  return (address.flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) !== 0;
}

/** The range of an address that is not used for this reason; null: its range is used. */
export function excludedRange(address: Address, rule: Rule): ExcludedRange | null {
  const range = addressRange(address.address);
  switch (range) {
    case 'loopback':
      return rule.linkLocal ? null : 'loopback';
    case 'linkLocal':
      return rule.linkLocal ? null : 'link-local';
    case 'unspecified':
    case 'multicast':
    case 'broadcast':
      return range;
    case 'ipv4Mapped':
      return 'ipv4-mapped';
    case 'uniqueLocal':
      return rule.addresses === 'all' ? null : 'unique-local';
    default:
      return null;
  }
}

/** Why an address cannot be used; null: it can. */
export function exclusionOf(address: Address, rule: Rule, lookup: RouteLookup | null): Exclusion | null {
  const range = excludedRange(address, rule);
  if (range) return ignored({ code: 'address-range', range });
  if (address.flags & IFA_F_DADFAILED) return { state: 'failed', reason: { code: 'duplicate-address' } };
  if (address.flags & IFA_F_TENTATIVE) return { state: 'tentative', reason: { code: 'tentative' } };
  if (address.flags & IFA_F_DEPRECATED) return ignored({ code: 'address-deprecated' });
  return address.family === 'ipv6' ? excludedByRule(address, rule, lookup) : null;
}

function excludedByRule(address: Address, rule: Rule, lookup: RouteLookup | null): Exclusion | null {
  const temporary = (address.flags & IFA_F_TEMPORARY) !== 0;
  if (rule.addresses === 'stable' && temporary) return ignored({ code: 'address-temporary' });
  if (rule.addresses === 'temporary' && !temporary) return ignored({ code: 'address-not-temporary' });
  // Without a route the kernel selects no source, so any address may turn out to be its choice.
  const source = lookup?.source;
  if (rule.addresses === 'auto' && source && source !== address.address && rule.perInterface === 1)
    return ignored({ code: 'other-source', source });
  return null;
}

const ignored = (reason: Reason): Exclusion => ({ state: 'ignored', reason });
