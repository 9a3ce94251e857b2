/** A short way to describe a host: the kernel's state as a snapshot, and the state after a plan was carried out. */
import { recordIntent, applyOutcome } from '../../src/actions/transitions.ts';
import { NetlinkError } from '../../src/netlink/error.ts';
import { addressFamily, type Family } from '../../src/netlink/ip.ts';
import type { Endpoint } from '../../src/netlink/mptcp/endpoint.ts';
import type { Address } from '../../src/netlink/route/address.ts';
import type { Link } from '../../src/netlink/route/link.ts';
import type { PolicyRule } from '../../src/netlink/route/policy-rule.ts';
import type { NewRoute, Route } from '../../src/netlink/route/route.ts';
import { actionText, type Action } from '../../src/actions/action.ts';
import { flagBits } from '../../src/netlink/mptcp/flags.ts';
import { gapEnd } from '../../src/plan/gap.ts';
import { observe } from '../../src/plan/observe.ts';
import { EMPTY_STATE, type State } from '../../src/actions/state.ts';
import { plan, type Plan } from '../../src/plan/plan.ts';
import type { Configuration, Rule } from '../../src/rules/rule.ts';
import { lookupKey, type RouteLookup, type Snapshot, type Egress } from '../../src/snapshot/snapshot.ts';
import type { PolicyRoute } from '../../src/snapshot/policy-route.ts';
import { configuration } from '../model/configurations.ts';
import { ADDRESS, LINK, POLICY_RULE, ROUTE } from '../support/objects.ts';
import type { ExplainSource } from '../../src/messages/explain.ts';
import { uplinkReason } from '../../src/messages/reason.ts';

export { rule } from '../model/configurations.ts';

interface Default {
  readonly ifindex: number;
  readonly family: Family;
  readonly route: Route;
}

const UP = 0x1 | 0x40 | 0x10000;

export class PlanHost {
  readonly links = new Map<number, Link>();
  readonly drivers = new Map<number, string>();
  readonly paths = new Map<number, string>();
  addresses: Address[] = [];
  policyRules: PolicyRule[] = [];
  ownRoutes: Route[] = [];
  endpoints: Endpoint[] = [];
  limits = { subflows: 2, addAddrAccepted: 0 };
  /** The local addresses of the subflows of each open connection. */
  connections: string[][] = [];
  state: State = { ...EMPTY_STATE, limitMax: 8 };
  /** The kernel's route lookup in place of the default result, by address. */
  readonly ways = new Map<string, Egress>();
  /** The route that the host's own policy rules give packets from an address. */
  readonly hosts = new Map<string, PolicyRoute>();
  readonly sources = new Map<number, string>();
  /** The number of endpoints that the kernel holds. */
  room = 8;
  /** The snapshot's clock, in milliseconds. */
  now = 1_000_000;
  #defaults: Default[] = [];
  #rules: readonly Rule[] = [];
  #limits: Configuration['limits'] = 'auto';

  rules(rules: readonly Rule[], limits: Configuration['limits'] = 'auto'): this {
    this.#rules = rules;
    this.#limits = limits;
    return this;
  }

  get configuration(): Configuration {
    return configuration(this.#rules, this.#limits);
  }

  link(name: string, index: number, words: Partial<Link> = {}): this {
    const flags = words.flags ?? UP;
    this.links.set(index, {
      ...LINK,
      ...{ index, name, flags, usable: (flags & UP) === UP },
      ...words,
    });
    return this;
  }

  /** `up` with carrier, `no carrier`, `down` or `gone`. */
  turn(index: number, to: 'up' | 'no carrier' | 'down' | 'gone'): this {
    const link = this.links.get(index)!;
    if (to === 'gone') this.links.delete(index);
    else this.link(link.name, index, { flags: { up: UP, 'no carrier': 1, down: 0 }[to] });
    return this;
  }

  address(ifindex: number, text: string, words: Partial<Address> = {}): this {
    const [address, length] = text.split('/') as [string, string];
    const family = addressFamily(address);
    this.addresses.push({
      ...ADDRESS,
      ...{ ifindex, family, address, prefixLength: Number(length), created: this.addresses.length },
      ...words,
    });
    return this;
  }

  withoutAddress(address: string): this {
    this.addresses = this.addresses.filter((each) => each.address !== address);
    return this;
  }

  default(ifindex: number, gateway: string | null, words: Partial<Route> & { onlink?: boolean } = {}): this {
    const { onlink = false, ...rest } = words;
    const family = rest.family ?? (gateway === null ? 'ipv4' : addressFamily(gateway));
    const route: Route = {
      ...ROUTE,
      ...{ family, protocol: 16, metric: 100, hops: [{ ifindex, gateway, onlink, dead: false }] },
      ...rest,
    };
    this.withoutDefault(ifindex, family);
    this.#defaults.push({ ifindex, family, route });
    return this;
  }

  withoutDefault(ifindex: number, family: Family = 'ipv4'): this {
    this.#defaults = this.#defaults.filter((each) => each.ifindex !== ifindex || each.family !== family);
    return this;
  }

  /** An endpoint of another program. */
  endpoint(address: string, id: number, flags: readonly string[] = ['subflow'], ifindex = 0): this {
    this.endpoints.push({ id, address, ifindex, flags: flagBits(flags), port: 0 });
    return this;
  }

  withoutEndpoint(id: number): this {
    this.endpoints = this.endpoints.filter((each) => each.id !== id);
    return this;
  }

  get snapshot(): Snapshot {
    const { links, drivers, paths, addresses, policyRules, endpoints, limits, ownRoutes, connections } = this;
    const answers = new Map(
      addresses.map((each) => [lookupKey(each.ifindex, each.address), this.#answer(each)]),
    );
    // A snapshot is a value: later changes of this host do not change it.
    const copies = { addresses: [...addresses], policyRules: [...policyRules], ownRoutes: [...ownRoutes] };
    const tables = { ipv4: new Map(), ipv6: new Map() };
    return {
      links,
      drivers,
      paths,
      endpoints,
      limits,
      lookups: answers,
      tables,
      egress: { ipv4: null, ipv6: null },
      halves: { ipv4: false, ipv6: false },
      tunnelRoutes: [],
      lookedUpAt: this.now,
      connections,
      ...copies,
    };
  }

  #answer({ ifindex, family, address }: Address): RouteLookup {
    const found = this.#defaults.find((each) => each.ifindex === ifindex && each.family === family);
    const hop = found?.route.hops[0];
    const way = this.ways.get(address) ?? this.#way(address, family);
    return {
      host: this.hosts.get(address) ?? { kind: 'none' },
      default: found && hop ? { route: found.route, hop } : null,
      missing: found ? null : { code: 'unreachable', errno: 'EHOSTUNREACH' },
      source: this.sources.get(ifindex) ?? null,
      onLink: true,
      ...{ bound: way, unbound: way },
    };
  }

  #way(address: string, family: Family): Egress {
    const leading = this.policyRules.find(
      (each) => each.source === address && each.suppressPrefixLength === null,
    );
    const own = this.ownRoutes.find(
      (each) => each.table === leading?.table && each.prefixLength === 0 && each.family === family,
    );
    const main = this.#defaults
      .filter((each) => each.family === family)
      .sort((a, b) => a.route.metric - b.route.metric)[0]?.route;
    const route = own ?? main;
    const [hop] = route?.hops ?? [];
    if (!route || !hop)
      return { kind: 'none', error: new NetlinkError({ operation: 'route get', errno: 101 }) };
    return { kind: 'leaves', ifindex: [hop.ifindex], gateway: hop.gateway, table: route.table };
  }

  look(assumeRouted = false): Plan {
    this.state = observe(this.state, this.snapshot);
    return plan(this.snapshot, this.configuration, this.state, { assumeRouted });
  }

  /**
   * Runs one pass.
   * @returns the actions as text
   */
  pass(): string[] {
    const { actions } = this.look();
    for (const action of actions) this.#do(action);
    return actions.map(actionText);
  }

  /**
   * Runs passes until there is nothing to do, also after time has passed.
   * @returns the actions of each pass
   */
  settle(): string[][] {
    const passes: string[][] = [];
    for (let done = this.pass(); done.length > 0 || this.#wait(); done = this.pass()) {
      if (done.length > 0) passes.push(done);
      if (passes.length > 20) throw new Error(`never settles: ${done.join('; ')}`);
    }
    return passes;
  }

  /**
   * Advances to the end of the first gap of a default route.
   * @returns whether there is one
   */
  #wait(): boolean {
    const end = gapEnd(this.state);
    this.now = end ?? this.now;
    return end !== null;
  }

  /** `INTERFACE ADDRESS STATE`, in the order of rank. */
  get states(): string[] {
    return this.look().uplinks.map(
      ({ interface: name, address, state }) => `${name} ${address ?? '-'}: ${state}`,
    );
  }

  reason(address: string): string | undefined {
    const uplink = this.look().uplinks.find((each) => each.address === address);
    return uplink && uplinkReason(uplink);
  }

  #do(action: Action): void {
    this.state = recordIntent(this.state, action, this.snapshot);
    const refusal = action.kind === 'endpoint add' && this.endpoints.length >= this.room;
    const error = refusal ? new NetlinkError({ operation: actionText(action), errno: 34 }) : null;
    if (!refusal) this.#change(action);
    this.state = applyOutcome(this.state, {
      action,
      error,
      ...(refusal ? { full: this.endpoints.length } : {}),
    });
  }

  #change(action: Action): void {
    switch (action.kind) {
      case 'route add':
      case 'route append':
        this.ownRoutes.push(asRoute(action.route));
        return;
      case 'route delete': {
        const at = this.ownRoutes.findIndex((each) => isThat(each, action.route));
        if (at !== -1) this.ownRoutes = this.ownRoutes.toSpliced(at, 1);
        return;
      }
      case 'policy-rule add':
        this.policyRules.push({ ...POLICY_RULE, ...action.policyRule });
        return;
      case 'policy-rule delete':
        this.policyRules = this.policyRules.filter(
          (each) => each.source !== action.policyRule.source || each.priority !== action.policyRule.priority,
        );
        return;
      case 'endpoint add':
      case 'endpoint change':
      case 'endpoint delete':
        this.withoutEndpoint(action.endpoint.id);
        if (action.kind !== 'endpoint delete') this.endpoints.push(action.endpoint);
        return;
      case 'limits set':
        this.limits = { ...this.limits, ...action.limits };
    }
  }
}

const isThat = (one: Route, { hop, ...other }: NewRoute): boolean =>
  one.table === other.table &&
  one.destination === other.destination &&
  one.family === other.family &&
  one.hops[0]?.ifindex === hop.ifindex &&
  one.hops[0].gateway === hop.gateway;

const asRoute = ({ hop, type = 1, ...route }: NewRoute): Route => ({
  ...ROUTE,
  ...route,
  ...{ type, hops: [{ ...hop, dead: false }] },
});

/** What `explain` takes. */
export const sourceOf = (host: PlanHost): ExplainSource => ({
  plan: host.look(),
  snapshot: host.snapshot,
  configuration: host.configuration,
  state: host.state,
});
