/** Decides which link an address belongs to if several links have it: a later link takes no traffic from the first. */
import type { Endpoint } from '../netlink/mptcp/endpoint.ts';
import { addressRange } from '../netlink/ip.ts';
import { IFA_F_DADFAILED, IFA_F_TENTATIVE, type Address } from '../netlink/route/address.ts';
import { IFF_UP } from '../netlink/route/link.ts';
import { type Snapshot } from '../snapshot/snapshot.ts';
import { withVerdict, type Assessed } from './evaluation.ts';
import { ownRoutesIn, policyRulesFrom, PRIORITY } from './routing.ts';
import { sameAddress } from './shared-subnet.ts';
import { RTPROT_MULTIHOMED } from '../netlink/route/protocol.ts';

/** One link that has the address. */
interface Claim {
  readonly address: Address;
  /** The uplink of the address on this link; null: no rule selects the link, or not this family. */
  readonly evaluation: Assessed | null;
  /** An owned endpoint or a policy rule of multihomed sends the address's packets out by this link. */
  readonly leads: boolean;
}

/** Finds the link to which an address belongs; the results are valid for one pass. */
export class AddressHolders {
  readonly #evaluations = new Map<string, Assessed>();
  readonly #owned: readonly Endpoint[];
  readonly #snapshot: Snapshot;
  readonly #known = new Map<string, Claim | null>();

  constructor(evaluations: readonly Assessed[], owned: readonly Endpoint[], snapshot: Snapshot) {
    for (const evaluation of evaluations) {
      const key = keyOf(evaluation.candidate.address);
      if (!this.#evaluations.has(key)) this.#evaluations.set(key, evaluation);
    }
    [this.#owned, this.#snapshot] = [owned, snapshot];
  }

  /** Index of the link that the address belongs to; null: no link that has it can carry packets. */
  of(address: string): number | null {
    return this.#holder(address)?.address.ifindex ?? null;
  }

  /** Whether the link that the address belongs to is an uplink with a path. */
  isUplink(address: string): boolean {
    return isViable(this.#holder(address));
  }

  #holder(address: string): Claim | null {
    const known = this.#known.get(address);
    if (known !== undefined) return known;
    const claims = sameAddress(address, this.#snapshot.addresses).flatMap((each) => this.#claim(each) ?? []);
    const [uplink] = claims.filter(isViable).sort(compareUplinks);
    // An uplink takes the address from no link that had it before, not even from one that is no uplink.
    const others = claims.filter((each) => !isViable(each) && (!uplink || !comesBefore(uplink, each)));
    const holder = others.sort(compareOthers)[0] ?? uplink ?? null;
    this.#known.set(address, holder);
    return holder;
  }

  /** @returns null: packets from the address cannot use this link */
  #claim(address: Address): Claim | null {
    const { links } = this.#snapshot;
    const link = links.get(address.ifindex);
    if (!link || address.flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) return null;
    const evaluation = this.#evaluations.get(keyOf(address)) ?? null;
    // An uplink without carrier has lost its path. A link that no rule selects counts if it is up.
    if (evaluation ? !link.usable : !(link.flags & IFF_UP)) return null;
    return { address, evaluation, leads: this.#leads(address) };
  }

  #leads({ address, ifindex }: Address): boolean {
    const isHere = (table: number): boolean =>
      ownRoutesIn(this.#snapshot, table).some(({ hops }) => hops.some((hop) => hop.ifindex === ifindex));
    return (
      this.#owned.some((each) => each.address === address && each.ifindex === ifindex) ||
      policyRulesFrom(this.#snapshot, address).some(
        ({ protocol, priority, table }) =>
          protocol === RTPROT_MULTIHOMED && priority === PRIORITY && isHere(table),
      )
    );
  }
}

/** An uplink is in conflict if another link holds its address, or its own link with another prefix length. */
export function claimAddresses(
  assessed: readonly Assessed[],
  holders: AddressHolders,
  snapshot: Snapshot,
): Assessed[] {
  const seen = new Set<string>();
  return assessed.map((each) => {
    if (!each.path) return each;
    const { address, ifindex } = each.candidate.address;
    // A link-local address belongs to each link separately and needs no policy rule; but
    // the kernel keeps one endpoint for it.
    const isLocal = addressRange(address) === 'linkLocal';
    const holder = isLocal ? ifindex : (holders.of(address) ?? ifindex);
    const key = isLocal ? address : keyOf(each.candidate.address);
    const isSecond = seen.has(key);
    seen.add(key);
    if (holder !== ifindex) {
      const code = holders.isUplink(address) ? 'same-address-first' : 'same-address-elsewhere';
      const name = snapshot.links.get(holder)?.name ?? `interface ${holder}`;
      return withVerdict(each, { state: 'conflict', reason: { code, interface: name } });
    }
    return isSecond ? withVerdict(each, { state: 'conflict', reason: { code: 'same-address-twice' } }) : each;
  });
}

const keyOf = ({ ifindex, address }: Address): string => `${ifindex}/${address}`;

const isViable = (claim: Claim | null): boolean => (claim?.evaluation?.path ?? null) !== null;

/** First the link that already carries the address's packets, then the lower metric, then the older address. */
function compareUplinks(a: Claim, b: Claim): number {
  const metric = ({ evaluation }: Claim): number => evaluation?.path?.default?.route.metric ?? Infinity;
  if (a.leads !== b.leads) return a.leads ? -1 : 1;
  if (metric(a) !== metric(b)) return metric(a) - metric(b);
  return compareAge(a, b);
}

function compareOthers(a: Claim, b: Claim): number {
  return a.evaluation && b.evaluation && a.leads !== b.leads ? (a.leads ? -1 : 1) : compareAge(a, b);
}

const compareAge = (a: Claim, b: Claim): number =>
  a.address.created - b.address.created || a.address.ifindex - b.address.ifindex;

/** Whether an uplink had the address before another link that is no uplink or has no path. */
function comesBefore(uplink: Claim, other: Claim): boolean {
  if (other.evaluation && uplink.leads !== other.leads) return uplink.leads;
  if (uplink.address.created >= other.address.created) return false;
  // Although the uplink had it first, the host may send the address's packets out by the other link.
  const egress = uplink.evaluation?.candidate.lookup?.unbound;
  return uplink.leads || egress?.kind !== 'leaves' || !egress.ifindex.includes(other.address.ifindex);
}
