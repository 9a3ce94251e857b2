/**
 * Where a packet from an address would go by the host's own policy rules and tables without multihomed: what the
 * administrator decided for the address.
 */
import type { Requester } from '../netlink/connection.ts';
import { hostBits, type Family } from '../netlink/ip.ts';
import type { PolicyRule } from '../netlink/route/policy-rule.ts';
import { RTPROT_MULTIHOMED } from '../netlink/route/protocol.ts';
import {
  dumpRoutes,
  RTN_UNICAST,
  RT_TABLE_DEFAULT,
  RT_TABLE_MAIN,
  type Route,
  type DefaultRoute,
} from '../netlink/route/route.ts';
import { policyRoute, type PolicyRoute, type Tables } from './policy-route.ts';
import { PROBES } from './probe.ts';

const byFamily = new WeakMap<readonly PolicyRule[], Readonly<Record<Family, readonly PolicyRule[]>>>();

/** Policy rules of other programs, of one family, in the kernel's order. */
export function foreignRules(policyRules: readonly PolicyRule[], family: Family): readonly PolicyRule[] {
  let known = byFamily.get(policyRules);
  if (!known) {
    const foreign = policyRules.filter(({ protocol }) => protocol !== RTPROT_MULTIHOMED);
    known = {
      ipv4: foreign.filter((rule) => rule.family === 'ipv4'),
      ipv6: foreign.filter((rule) => rule.family === 'ipv6'),
    };
    byFamily.set(policyRules, known);
  }
  return known[family];
}

/**
 * The route to a destination that only a default route covers. If each probe has a more specific route, as with a
 * split default, the route with the shortest prefix. `unread`: a table must be read first; main usually stays unread,
 * and then the answer means that main decides.
 */
export function hostRoute(
  family: Family,
  source: string,
  rules: readonly PolicyRule[],
  tables: Tables,
  groupOf: (ifindex: number) => number,
): PolicyRoute {
  let widest: PolicyRoute = { kind: 'none' };
  for (const destination of PROBES[family]) {
    const found = policyRoute({ family, source, destination }, rules, tables, groupOf);
    const length = specificity(found);
    if (length === 0) return found;
    if (widest.kind === 'none' || length < specificity(widest)) widest = found;
  }
  return widest;
}

/** How many bits of the destination decided; 0: a default route, or nothing. */
export function specificity(found: PolicyRoute): number {
  if (found.kind === 'none' || found.kind === 'unread') return 0;
  const { rule, route } = found;
  const asked = rule.invert || rule.destination === null ? 0 : rule.destinationLength;
  return Math.min(Math.max(asked, route?.prefixLength ?? 0), hostBits(rule.family));
}

/** Whether the rule is for this address or a network that contains it, and not for everything that the host sends. */
export const isForSource = (rule: PolicyRule): boolean => rule.source !== null && !rule.invert;

/** The route of the packet if it leaves through this link, and the rule that leads to it; null: it does not. */
export function throughLink(
  found: PolicyRoute,
  ifindex: number,
): { readonly found: DefaultRoute; readonly rule: PolicyRule } | null {
  if (found.kind !== 'route' || found.route.type !== RTN_UNICAST) return null;
  const hop = found.route.hops.find((each) => each.ifindex === ifindex && (!each.dead || each.linkDown));
  return hop ? { found: { route: found.route, hop }, rule: found.rule } : null;
}

const UNSPECIFIED: Readonly<Record<Family, string>> = { ipv4: '0.0.0.0', ipv6: '::' };

/** Reads the tables that policy rules lead to, each once. */
export class HostRoutes {
  readonly #requester: Requester;
  readonly #rules: Readonly<Record<Family, readonly PolicyRule[]>>;
  readonly #groupOf: (ifindex: number) => number;
  readonly #reads = new Map<string, Promise<void>>();
  readonly tables: Readonly<Record<Family, Map<number, readonly Route[]>>> = {
    ipv4: new Map(),
    ipv6: new Map(),
  };

  constructor(
    requester: Requester,
    policyRules: readonly PolicyRule[],
    groupOf: (ifindex: number) => number,
  ) {
    this.#requester = requester;
    this.#groupOf = groupOf;
    this.#rules = { ipv4: foreignRules(policyRules, 'ipv4'), ipv6: foreignRules(policyRules, 'ipv6') };
  }

  /**
   * The route of a packet from this address, as by `hostRoute`; reads the tables that it needs.
   * @param without a policy rule that is left out; null: none
   * @throws NetlinkError
   */
  async of(family: Family, source: string, without: PolicyRule | null = null): Promise<PolicyRoute> {
    const rules = without ? this.#rules[family].filter((each) => each !== without) : this.#rules[family];
    for (;;) {
      const found = hostRoute(family, source, rules, this.tables[family], this.#groupOf);
      if (found.kind !== 'unread' || !this.#isNeeded(found.rule, family)) return found;
      await this.#read(family, found.rule.table);
    }
  }

  /** As `of`, for a packet without a source yet and to one destination; `unread`: main decides. */
  async unbound(family: Family, destination: string): Promise<PolicyRoute> {
    for (;;) {
      const packet = { family, source: UNSPECIFIED[family], destination };
      const found = policyRoute(packet, this.#rules[family], this.tables[family], this.#groupOf);
      if (found.kind !== 'unread' || found.rule.table === RT_TABLE_MAIN) return found;
      await this.#read(family, found.rule.table);
    }
  }

  /** Default routes of main. Nothing else of main is read, because it may hold a million routes. */
  async mainDefaults(family: Family): Promise<readonly Route[]> {
    await this.#read(family, RT_TABLE_MAIN);
    return this.tables[family].get(RT_TABLE_MAIN) ?? [];
  }

  /**
   * Whether the answer depends on the table's content. The default route of main is
   * found by a look-up on the link instead.
   */
  #isNeeded(rule: PolicyRule, family: Family): boolean {
    if (rule.table !== RT_TABLE_MAIN || isForSource(rule)) return true;
    const rules = this.#rules[family];
    return rules.slice(rules.indexOf(rule) + 1).some(({ table }) => table !== RT_TABLE_DEFAULT);
  }

  #read(family: Family, table: number): Promise<void> {
    const key = `${family} ${table}`;
    const known = this.#reads.get(key);
    if (known) return known;
    const what = table === RT_TABLE_MAIN ? { defaultsOnly: true } : { anyService: true };
    const read = dumpRoutes(this.#requester, { family, table, ...what }).then((routes) => {
      const foreign = routes.filter(({ protocol }) => protocol !== RTPROT_MULTIHOMED);
      this.tables[family].set(table, foreign);
    });
    this.#reads.set(key, read);
    return read;
  }
}
