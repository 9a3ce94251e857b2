/**
 * Reads the stale parts of a snapshot and looks up the uplinks' routes; parts that are not stale are kept, and so are
 * look-ups that no change concerns.
 */
import type { Requester } from '../netlink/connection.ts';
import { NetlinkError } from '../netlink/error.ts';
import type { GenericFamily } from '../netlink/generic/family.ts';
import { addressFamily, FAMILIES, type Family } from '../netlink/ip.ts';
import { dumpEndpoints } from '../netlink/mptcp/endpoint.ts';
import { getLimits } from '../netlink/mptcp/limits.ts';
import { dumpAddresses } from '../netlink/route/address.ts';
import { dumpLinks, type Link } from '../netlink/route/link.ts';
import { hasNexthops } from '../netlink/route/nexthop.ts';
import { dumpPolicyRules, type PolicyRule } from '../netlink/route/policy-rule.ts';
import type { DefaultRoute, Route } from '../netlink/route/route.ts';
import { systemClock, type Clock } from '../system/clock.ts';
import type { Dirty } from './dirty.ts';
import { bestDefault, findDefault, findSourceDefault, mayHaveBetter, preferredSource } from './default.ts';
import { readDevice, type Device } from './driver.ts';
import { tunnelRuleOf } from './host-egress.ts';
import { inLastTick } from './expiry.ts';
import { HostRoutes, isForSource, throughLink } from './host-route.ts';
import { isOnLink } from './neighbour.ts';
import type { PolicyRoute } from './policy-route.ts';
import { readOwnRoutes, type InTable } from './own-routes.ts';
import { readOutward } from './outward.ts';
import { keptLookups, type LastRead } from './kept-lookup.ts';
import {
  ALL_PARTS,
  lookupKey,
  type RouteLookup,
  type KernelObjects,
  type SnapshotPart,
  type LookupRequest,
  type Snapshot,
} from './snapshot.ts';
import { probeFib, type FibProbe } from './probe-fib.ts';
import { findEgresses } from './egress.ts';

export interface ReaderOptions {
  readonly route: Requester;
  readonly generic: Requester;
  readonly mptcp: GenericFamily;
  readonly sysfs: string;
  /** Folder of udev's database; usually /run/udev/data. */
  readonly udev?: string;
  /** Usually the system's clock. */
  readonly clock?: Clock;
  /** The addresses to look up, given the other parts. */
  readonly requests: (base: KernelObjects) => readonly LookupRequest[];
}

/** Identifies a link by more than its index, which the kernel reuses for other links. */
const sameLink = ({ index, name, hardware, parent }: Link): string =>
  [index, name, hardware, parent?.bus, parent?.device].join(' ');

const joinTables = (last: Snapshot['tables'], now: Snapshot['tables']): Snapshot['tables'] => ({
  ipv4: new Map([...last.ipv4, ...now.ipv4]),
  ipv6: new Map([...last.ipv6, ...now.ipv6]),
});

/** Whether no policy rule of the host takes all packets. Values of such a rule are valid in the read that has it. */
const isUntunnelled = ({ egress }: Snapshot): boolean => FAMILIES.every((family) => !egress[family]?.rule);

export class SnapshotReader {
  readonly #options: ReaderOptions;
  #last: Snapshot | null = null;
  /** The requests that the look-ups of `#last` answer, by `lookupKey`. */
  #requests: ReadonlyMap<string, LookupRequest> = new Map();
  /** Whether look-ups or own routes were kept since everything was read. */
  #partial = false;
  /** Tables in which routes were added since own routes were read, by family and number. */
  #included = new Map<string, InTable>();
  /** By `sameLink`. */
  #devices = new Map<string, Device>();

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  /** Makes the next read complete: every part, and own routes in every table. */
  forget(): void {
    this.#last = null;
  }

  /**
   * Makes the next read of own routes include this table, in which a route was added. At the time of that read,
   * possibly no policy rule and no uplink leads to it any more.
   */
  include({ family, table }: InTable): void {
    this.#included.set(`${family} ${table}`, { family, table });
  }

  /** Whether look-ups or own routes were kept since everything was read. */
  get partial(): boolean {
    return this.#partial;
  }

  /**
   * Reads the stale parts; on the first call all parts.
   * @param dirty look-ups that may have changed, if a part is stale on which they depend; null: any
   * @param by who changed something: with `actions` only multihomed, so policy rules of other families and what
   * belongs to no uplink are as they were
   * @throws NetlinkError
   */
  async read(
    stale: ReadonlySet<SnapshotPart>,
    dirty: Dirty | null = null,
    by: 'anybody' | 'actions' = 'anybody',
  ): Promise<Snapshot> {
    const last = this.#last;
    // If this read fails, no part may count as fresh.
    this.#last = null;
    const parts = last ? stale : new Set(ALL_PARTS);
    const own = by === 'actions' ? dirty : null;
    const base = await this.#readBase(parts, last, own);
    const lookupsStale = !last || [...parts].some((part) => part !== 'endpoints');
    const requests = this.#options.requests(base);
    const lookedUpAt = lookupsStale ? (this.#options.clock ?? systemClock).now() : last.lookedUpAt;
    const hosts = new HostRoutes(
      this.#options.route,
      base.policyRules,
      (ifindex) => base.links.get(ifindex)?.group ?? 0,
    );
    const earlier = last && { requests: this.#requests, snapshot: last };
    const kept = keptLookups(requests, earlier, base.policyRules, dirty);
    const outside =
      last && ((own && isUntunnelled(last)) || !lookupsStale)
        ? Promise.resolve(last)
        : readOutward(this.#options.route, hosts, base, requests);
    const [ownRoutes, lookups, outward] = await Promise.all([
      lookupsStale ? this.#readOwnRoutes(base, requests, earlier, dirty) : last.ownRoutes,
      lookupsStale ? this.#ask(hosts, requests, last, lookedUpAt, kept, outside) : last.lookups,
      outside,
    ]);
    if (lookupsStale) {
      this.#requests = new Map(requests.map((each) => [lookupKey(each.ifindex, each.address), each]));
      this.#partial = dirty !== null && (this.#partial || last !== null);
    }
    // Tables that no look-up needed this time are as they were.
    const tables = last && (own || kept.size > 0) ? joinTables(last.tables, hosts.tables) : hosts.tables;
    const { egress, halves, tunnelRoutes } = outward;
    this.#last = {
      ...{ ...base, ownRoutes, lookups, egress, halves, tunnelRoutes, lookedUpAt },
      tables: lookupsStale ? tables : last.tables,
    };
    return this.#last;
  }

  /** `own`: if only own actions changed something, what they changed. */
  async #readBase(
    parts: ReadonlySet<SnapshotPart>,
    last: Snapshot | null,
    own: Dirty | null,
  ): Promise<KernelObjects> {
    const { route, generic, mptcp } = this.#options;
    const [links, addresses, policyRules, endpoints, limits] = await Promise.all([
      last && !parts.has('links')
        ? last.links
        : dumpLinks(route).then((all) => new Map(all.map((link) => [link.index, link]))),
      last && !parts.has('addresses') ? last.addresses : dumpAddresses(route),
      last && !parts.has('policyRules') ? last.policyRules : this.#readPolicyRules(last, own),
      last && !parts.has('endpoints') ? last.endpoints : dumpEndpoints(generic, mptcp),
      last && !parts.has('endpoints') ? last.limits : getLimits(generic, mptcp),
    ]);
    const devices = links === last?.links ? last : await this.#readDevices(links);
    return {
      ...{ links, drivers: devices.drivers, paths: devices.paths },
      ...{ addresses, policyRules, endpoints, limits },
    };
  }

  /** After own actions only those of the families whose rules were changed. */
  async #readPolicyRules(last: Snapshot | null, own: Dirty | null): Promise<readonly PolicyRule[]> {
    const changed = new Set([...(own?.sources ?? [])].map(addressFamily));
    const read = async (family: Family): Promise<readonly PolicyRule[]> =>
      last && own && !changed.has(family)
        ? last.policyRules.filter((rule) => rule.family === family)
        : this.#policyRules(family);
    return (await Promise.all(FAMILIES.map(read))).flat();
  }

  /** A kernel without IPv6 has no IPv6 policy rules. */
  async #policyRules(family: Family) {
    try {
      return await dumpPolicyRules(this.#options.route, family);
    } catch (error) {
      if (error instanceof NetlinkError && error.code === 'EAFNOSUPPORT') return [];
      throw error;
    }
  }

  async #readDevices(links: ReadonlyMap<number, Link>): Promise<Pick<KernelObjects, 'drivers' | 'paths'>> {
    const { sysfs, udev } = this.#options;
    const known = new Map<string, Device>();
    const drivers = new Map<number, string>();
    const paths = new Map<number, string>();
    await Promise.all(
      [...links.values()].map(async (link) => {
        const device = this.#devices.get(sameLink(link)) ?? (await readDevice(link, sysfs, udev));
        known.set(sameLink(link), device);
        if (device.driver !== null) drivers.set(link.index, device.driver);
        if (device.path !== null) paths.set(link.index, device.path);
      }),
    );
    this.#devices = known;
    return { drivers, paths };
  }

  #readOwnRoutes(
    { policyRules }: KernelObjects,
    requests: readonly LookupRequest[],
    last: LastRead | null,
    dirty: Dirty | null,
  ): Promise<readonly Route[]> {
    const added = [...this.#included.values()];
    this.#included = new Map();
    return readOwnRoutes(this.#options.route, { last, requests, policyRules, added, dirty });
  }

  async #ask(
    hosts: HostRoutes,
    requests: readonly LookupRequest[],
    last: Snapshot | null,
    now: number,
    kept: ReadonlyMap<string, RouteLookup>,
    outside: Promise<Pick<Snapshot, 'egress'>>,
  ): Promise<ReadonlyMap<string, RouteLookup>> {
    const { route } = this.#options;
    const once = new Map<string, Promise<unknown>>();
    const shared = <T>(key: string, make: () => Promise<T>): Promise<T> => {
      if (!once.has(key)) once.set(key, make());
      return once.get(key) as Promise<T>;
    };
    const uplinks = new Set(requests.map(({ ifindex }) => ifindex));
    const bypassed = async (family: Family) => tunnelRuleOf((await outside).egress[family], uplinks);
    const answered = requests.map(async (request): Promise<[string, RouteLookup]> => {
      const { family, ifindex, address } = request;
      const key = lookupKey(ifindex, address);
      const before = kept.get(key);
      if (before) return [key, before];
      const plain = (): Promise<FibProbe> => shared(`plain ${family}`, () => probeFib(route, family, {}));
      const objects = (): Promise<boolean> => shared('nexthops', () => hasNexthops(route));
      const [host, own, source, onLink, egresses] = await Promise.all([
        request.tunnel === 'bypass'
          ? bypassed(family).then((rule) => hosts.of(family, address, rule))
          : hosts.of(family, address),
        shared(`default ${family} ${ifindex}`, () => findDefault(route, family, ifindex, plain, objects)),
        family === 'ipv6'
          ? shared(`source ${ifindex}`, () => preferredSource(route, family, ifindex, plain))
          : null,
        isOnLink(route, request),
        findEgresses(route, request, plain),
      ]);
      const found = await this.#default(hosts, host, own.default, request, plain);
      const missing = found ? null : own.missing;
      return [
        key,
        { host, default: inLastTick(found, key, last, now), missing, source, onLink, ...egresses },
      ];
    });
    return new Map(await Promise.all(answered));
  }

  /**
   * The default route that a policy rule for the address leads to; otherwise the
   * one of the link that fits the address.
   */
  async #default(
    hosts: HostRoutes,
    host: PolicyRoute,
    own: DefaultRoute | null,
    request: LookupRequest,
    plain: () => Promise<FibProbe>,
  ): Promise<DefaultRoute | null> {
    const { family, ifindex } = request;
    const { route } = this.#options;
    const through = throughLink(host, ifindex);
    if (through && isForSource(through.rule)) return through.found;
    if (own && mayHaveBetter(own, request))
      return bestDefault(await hosts.mainDefaults(family), ifindex, request, own) ?? own;
    return (await findSourceDefault(route, request, plain)) ?? own ?? through?.found ?? null;
  }
}
