/** To which link of the model host an address belongs when several links have it, derived from the specification. */
import { lookup } from './fib.ts';
import { PROBES } from './decision.ts';
import { Refusal, type ModelAddress, type ModelEndpoint, type ModelLink, type State } from './state.ts';

/** An address with a path. */
interface Uplink {
  readonly address: ModelAddress;
  readonly metric: number;
}

const TENTATIVE = 0x40;

/**
 * @param uplinks those that have a path, in the order of rank
 * @param isSelected whether a rule selects a link for the address's family
 * @param owned endpoints that are in place
 * @returns the index of its link; null when no link can carry its packets
 */
export function holderOf(
  state: State,
  address: string,
  uplinks: readonly Uplink[],
  isSelected: (link: ModelLink) => boolean,
  owned: readonly Pick<ModelEndpoint, 'address' | 'ifindex'>[],
): number | null {
  const leads = ({ ifindex }: ModelAddress): boolean =>
    leadingLinks(state, address).includes(ifindex) ||
    owned.some((each) => each.address === address && each.ifindex === ifindex);
  const having = state.addresses.filter((each) => {
    const link = state.links.get(each.ifindex);
    if (each.address !== address || each.flags & TENTATIVE || !link?.up) return false;
    return link.carrier || !isSelected(link);
  });
  const order = (a: number, b: number): number => (a === b ? 0 : a - b);
  const age = (a: ModelAddress, b: ModelAddress): number => order(a.created ?? 0, b.created ?? 0);
  const [best] = uplinks
    .filter((each) => each.address.address === address)
    .toSorted(
      (a, b) =>
        order(Number(leads(b.address)), Number(leads(a.address))) ||
        order(a.metric, b.metric) ||
        age(a.address, b.address),
    );
  const others = having.filter((each) => !uplinks.some((uplink) => uplink.address === each));
  for (const other of others.toSorted(age)) {
    if (!best) return other.ifindex;
    const selected = isSelected(state.links.get(other.ifindex)!);
    const [bestLeads, otherLeads] = [leads(best.address), leads(other)];
    if (selected && bestLeads !== otherLeads) {
      if (otherLeads) return other.ifindex;
      continue;
    }
    if (age(other, best.address) < 0) return other.ifindex;
    if (!bestLeads && goesBy(state, best.address, other.ifindex)) return other.ifindex;
  }
  return best?.address.ifindex ?? null;
}

/** Returns the links to which multihomed's policy rules lead packets from the address. */
export function leadingLinks(state: State, address: string): number[] {
  const tables = state.policyRules
    .filter(({ maker, priority, source }) => maker === 'daemon' && priority === 8684 && source === address)
    .map(({ table }) => table);
  return state.routes
    .filter(({ maker, table }) => maker === 'daemon' && tables.includes(table))
    .flatMap(({ hops }) => hops.map(({ ifindex }) => ifindex));
}

/** Whether a packet from the address that takes a default route leaves through this link. */
function goesBy(state: State, { family, address: source }: ModelAddress, ifindex: number): boolean {
  for (const destination of PROBES[family])
    try {
      const route = lookup(state, { family, destination, source })?.route;
      if (route && route.prefixLength > 0) continue;
      return route?.hops.some((hop) => hop.ifindex === ifindex) ?? false;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
    }
  return false;
}
