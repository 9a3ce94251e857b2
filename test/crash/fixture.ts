/** A host with every situation that a daemon handles. The expected state is always known; `ip` shows the actual one. */
import type { Lab } from '../support/lab.ts';
import type { Netns, Version } from '../support/netns.ts';
import { difference } from '../stress/field.ts';
import { FOREIGN, FOUND, addForeignObjects } from './others.ts';

const VERSIONS = [4, 6] as const;

export interface Uplink {
  readonly device: string;
  readonly network: number;
  readonly metric: number;
  readonly versions: readonly Version[];
  /** Last part of its address. */
  number: number;
  /** Last part of its gateway's address. */
  gateway: number;
  plugged: boolean;
  carrier: boolean;
  routed: Set<Version>;
}

export interface ExpectedObjects {
  /** Flags of the rule for each interface; an absent interface has no rule. */
  readonly flags: Readonly<Record<string, readonly string[]>>;
  readonly port: number;
  /** Set when `limits` is not `auto`. */
  readonly limits?: { readonly subflows: number; readonly accepted: number };
}

const RAISED = 8;

export const PLAIN: ExpectedObjects = {
  flags: { eth0: ['subflow'], eth1: ['subflow'], wwan0: ['subflow', 'backup'], wl0: ['signal'] },
  port: 4433,
};

export class HostFixture {
  readonly #lab: Lab;
  readonly #host: Netns;
  /** Two in one subnet, a backup, and one that announces a port. */
  readonly uplinks: Readonly<Record<'eth0' | 'eth1' | 'wwan0' | 'wl0', Uplink>>;
  wanted: ExpectedObjects = PLAIN;
  /** No objects of multihomed: no daemon has run, or flush was run. */
  paused = true;
  /** Devices and families whose path is lost and whose endpoint stays. */
  lingering: readonly { readonly device: string; readonly version: Version }[] = [];

  constructor(lab: Lab) {
    [this.#lab, this.#host] = [lab, lab.host];
    const uplink = (
      device: string,
      network: number,
      number: number,
      metric: number,
      versions: readonly Version[] = VERSIONS,
    ): Uplink => {
      const fresh = { gateway: 1, plugged: false, carrier: true, routed: new Set<Version>() };
      return { device, network, number, metric, versions, ...fresh };
    };
    this.uplinks = {
      eth0: uplink('eth0', 1, 2, 100),
      eth1: uplink('eth1', 1, 3, 150),
      wwan0: uplink('wwan0', 2, 2, 700),
      wl0: uplink('wl0', 3, 2, 300, [4]),
    };
    this.#host.sysctl('net.ipv4.conf.all.promote_secondaries', 1);
    // Link-local addresses exist at once, so that the state of other programs is known at any moment.
    for (const which of ['all', 'default']) this.#host.sysctl(`net.ipv6.conf.${which}.accept_dad`, 0);
    for (const each of this.#all) this.plug(each);
    addForeignObjects(this.#host);
  }

  get #all(): Uplink[] {
    return Object.values(this.uplinks);
  }

  address({ network }: Uplink, version: Version, number: number): string {
    return version === 4 ? `10.${network}.0.${number}` : `2400:${network}::${number}`;
  }

  #prefixed(uplink: Uplink, version: Version, number: number): string {
    return `${this.address(uplink, version, number)}/${version === 4 ? 24 : 64}`;
  }

  /** Adds link, addresses and routes; a link that existed before gets another index. */
  plug(uplink: Uplink): void {
    this.#lab.cable(uplink.device, uplink.network).up();
    [uplink.plugged, uplink.carrier] = [true, true];
    for (const version of uplink.versions) {
      this.give(uplink, version);
      this.route(uplink, version);
    }
  }

  unplug(uplink: Uplink): void {
    this.#host.ip(`link delete ${uplink.device}`);
    uplink.plugged = false;
    uplink.routed.clear();
  }

  give(uplink: Uplink, version: Version, number = uplink.number): void {
    const nodad = version === 6 ? ' nodad' : '';
    this.#host.ip(`address add ${this.#prefixed(uplink, version, number)} dev ${uplink.device}${nodad}`);
  }

  take(uplink: Uplink, version: Version): void {
    this.#host.ip(`address delete ${this.#prefixed(uplink, version, uplink.number)} dev ${uplink.device}`);
  }

  /** Replaces the address by another one; the routes stay. */
  replaceAddress(uplink: Uplink, number: number): void {
    for (const version of uplink.versions) {
      this.give(uplink, version, number);
      this.take(uplink, version);
      this.#host.ip(`-${version} route replace ${this.#default(uplink, version)}`);
    }
    uplink.number = number;
  }

  #default(uplink: Uplink, version: Version): string {
    const gateway = this.address(uplink, version, uplink.gateway);
    return `default via ${gateway} dev ${uplink.device} metric ${uplink.metric}`;
  }

  route(uplink: Uplink, version: Version): void {
    this.#host.ip(`-${version} route add ${this.#default(uplink, version)}`);
    uplink.routed.add(version);
  }

  unroute(uplink: Uplink, version: Version): void {
    this.#host.ip(`-${version} route delete ${this.#default(uplink, version)}`);
    uplink.routed.delete(version);
  }

  turn(uplink: Uplink, gateway: number): void {
    uplink.gateway = gateway;
    for (const version of uplink.routed)
      this.#host.ip(`-${version} route replace ${this.#default(uplink, version)}`);
  }

  carrier(uplink: Uplink, carrier: boolean): void {
    this.#lab.provider.ip(`link set to-${uplink.device} ${carrier ? 'up' : 'down'}`);
    uplink.carrier = carrier;
  }

  /** The text of the configuration; `hooks` is the folder of hooks. */
  configuration(hooks?: string): string {
    const { flags, port, limits } = this.wanted;
    const rules = Object.fromEntries(
      Object.entries(flags).map(([device, each]) => [
        device,
        device === 'wl0' ? { flags: each, port, families: ['ipv4'] } : { flags: each },
      ]),
    );
    return JSON.stringify({
      rules,
      ...(limits ? { limits: { subflows: limits.subflows, 'add-addr-accepted': limits.accepted } } : {}),
      ...(hooks === undefined ? {} : { hooks: { path: hooks } }),
    });
  }

  #lingers({ device }: Uplink, version: Version): boolean {
    return this.lingering.some((each) => each.device === device && each.version === version);
  }

  /** Whether it has a path that a rule selects, or had the last path. */
  #hasUplink(uplink: Uplink, version: Version): boolean {
    if (this.paused || this.wanted.flags[uplink.device] === undefined) return false;
    const { plugged, carrier, routed } = uplink;
    return (plugged && carrier && routed.has(version)) || this.#lingers(uplink, version);
  }

  #hasTwin(uplink: Uplink): boolean {
    return this.#all.some((each) => each !== uplink && each.plugged && each.network === uplink.network);
  }

  /** Lines in the format of Netns. */
  #expected(): { endpoints: string[]; rules: string[]; routes: string[]; limits: object } {
    const endpoints: string[] = [];
    const rules: string[] = [];
    const routes: string[] = [];
    for (const uplink of this.#all)
      for (const version of uplink.versions) {
        if (!this.#hasUplink(uplink, version)) continue;
        const { device, network, gateway, number } = uplink;
        const table = this.#host.table(device);
        const address = this.address(uplink, version, number);
        const where = `dev ${device} table ${table}`;
        endpoints.push(`${address} ${device} ${this.wanted.flags[device]!.join(',')}`);
        const length = version === 4 ? 24 : 64;
        // The administrator's IPv4 rules for a destination and a mark keep their packets; those of multihomed have the
        // next priority.
        const passed = version === 4 ? [` to ${FOREIGN.network}`, ...(network === 1 ? [''] : [])] : [];
        const [first, second, third] = passed.length > 0 ? [8681, 8682, 8683] : [8680, 8681, 8682];
        rules.push(...passed.map((selector) => `8680 from ${address}${selector} goto 8682`));
        if (this.#hasTwin(uplink))
          rules.push(
            `${first} from ${address} lookup 254 suppress ${length}`,
            `${second} from ${address} lookup ${table} suppress 0`,
          );
        rules.push(`${third} from ${address} lookup 254 suppress 1`, `8684 from ${address} lookup ${table}`);
        routes.push(
          `${version === 4 ? `10.${network}.0.0` : `2400:${network}::`}/${length} ${where}`,
          `default via ${this.address(uplink, version, gateway)} ${where}`,
        );
      }
    const accepted = endpoints.some((each) => each.includes('fullmesh')) ? RAISED : FOUND.accepted;
    const auto = { subflows: RAISED, accepted };
    const limits = endpoints.length === 0 ? FOUND : (this.wanted.limits ?? auto);
    return { endpoints, rules, routes, limits };
  }

  /** Returns the differences from the expected state; empty if there is none. */
  wrong(): string[] {
    const host = this.#host;
    const expected = this.#expected();
    const endpoints = host.endpoints();
    const others = endpoints.filter(({ id }) => id === FOREIGN.id).map(({ address }) => address);
    const shown = endpoints
      .filter(({ id }) => id !== FOREIGN.id)
      .map(({ address, dev, flags }) => `${address} ${dev} ${flags.join(',')}`);
    const both = (look: (version: Version) => string[]): string[] => VERSIONS.flatMap(look);
    return [
      ...difference('foreign endpoint', [FOREIGN.address], others),
      ...difference('endpoint', expected.endpoints, shown),
      ...difference(
        'policy rule',
        expected.rules,
        both((version) => host.ruleTexts(version)),
      ),
      ...difference(
        'route',
        expected.routes,
        both((version) => host.routeTexts(version)),
      ),
      ...difference('limits', [JSON.stringify(expected.limits)], [JSON.stringify(limitsOf(host))]),
      ...difference(
        'listener',
        this.#listeners(),
        host.sh('ss -Htln').trim().split('\n').map(portOf).filter(Boolean),
      ),
    ];
  }

  #listeners(): string[] {
    return this.#hasUplink(this.uplinks.wl0, 4) ? [String(this.wanted.port)] : [];
  }

  /** Returns the state apart from the daemon, as a name for `foreign`. */
  get name(): string {
    return JSON.stringify(
      this.#all.map((each) => ({ ...each, routed: VERSIONS.filter((version) => each.routed.has(version)) })),
    );
  }
}

const portOf = (line: string): string => /:(\d+)\s/.exec(line)?.[1] ?? '';

function limitsOf(host: Netns): object {
  const { subflows, accepted } = host.limits();
  return { subflows, accepted };
}
