/** Many uplinks of one host, random changes to them, and the expected state afterwards. */
import { once } from 'node:events';
import type { Lab } from '../support/lab.ts';
import type { Netns } from '../support/netns.ts';

/** The kernel's maximum number of endpoints; one of them is of another program. */
const SLOTS = 8;
const FOREIGN_ID = 99;
const FOREIGN_NETWORK = '198.18.0.0/15';
const FOREIGN_PRIORITY = 20_000;
const MARKED = '10.3.0';
const CONNECTED = 1;
const ROUTED = 2;

interface Uplink {
  readonly device: string;
  readonly subnet: string;
  readonly metric: number;
  /** 0: neither address nor route; CONNECTED: an address; ROUTED: an address and a default route. */
  progress: number;
  /** Last byte of its address. */
  number: number;
}

export class Field {
  readonly #lab: Lab;
  readonly #uplinks: readonly Uplink[];
  #random: number;
  #tables: ReadonlyMap<string, number> = new Map();

  constructor(lab: Lab, count: number, seed = 1) {
    this.#lab = lab;
    this.#random = seed;
    this.#uplinks = Array.from({ length: count }, (_, index) => ({
      device: `u${index}`,
      subnet: `10.${index}.0`,
      metric: 100 + index,
      progress: 0,
      number: 2,
    }));
  }

  /** Adds interfaces, and objects of other programs: endpoints, policy rules, routes, limits. */
  async build(): Promise<void> {
    const { host, provider } = this.#lab;
    await this.run(
      this.#uplinks.flatMap(({ device }) => [
        `link add ${device} type veth peer name to-${device} netns ${provider.name}`,
        `link set ${device} up`,
      ]),
    );
    await this.run(
      this.#uplinks.map(({ device }) => `link set to-${device} up`),
      provider,
    );
    type Link = { ifname: string; ifindex: number };
    const links = host.json<Link[]>('link show');
    this.#tables = new Map(links.map(({ ifname, ifindex }) => [ifname, 86_840_000 + ifindex]));
    for (const line of [
      'link add keep0 type veth peer name keep1',
      // Without link-local addresses, whose state changes after duplicate address detection.
      'link set keep0 addrgenmode none up',
      'link set keep1 addrgenmode none up',
      'address add 192.168.50.1/24 dev keep0',
      'address add 2400:50::1/64 dev keep0 nodad',
      `mptcp endpoint add 192.168.50.1 id ${FOREIGN_ID} signal`,
      'mptcp limits set subflows 3 add_addr_accepted 1',
      'rule add from 192.168.50.1 lookup 777 priority 8684',
      `rule add to ${FOREIGN_NETWORK} lookup 777 priority ${FOREIGN_PRIORITY}`,
      `rule add from ${MARKED}.0/16 fwmark 0x51 lookup 777 priority 8684`,
      '-6 rule add from 2400:50::/64 lookup 777 priority 8684',
      'route add 198.18.0.0/15 via 192.168.50.2 table 777',
      // In the daemon's table, and in main.
      `route add 198.18.0.0/15 via 192.168.50.2 table ${this.#tables.get('u0')}`,
      'route add 198.51.100.0/24 via 192.168.50.2 metric 7 proto 186',
      '-6 route add 2600:51::/32 via 2400:50::2 table 777',
    ])
      host.ip(line);
  }

  /** Returns lines for `ip -batch`. Each of them changes something, and the kernel sends an event for it. */
  changes(count: number): string[] {
    return Array.from({ length: count }, () => this.#change());
  }

  #change(): string {
    const uplink = this.#uplinks[this.#next(this.#uplinks.length)]!;
    const onward = this.#next(2) === 1;
    if (uplink.progress === 0) return this.#give(uplink, 2 + this.#next(250));
    if (uplink.progress === CONNECTED) return onward ? this.#route(uplink) : this.#take(uplink);
    return onward ? this.#unroute(uplink) : this.#take(uplink);
  }

  /**
   * Returns lines that lead to the state in which every uplink has the address that ends with `number`, and a default
   * route unless `without` is true for it.
   */
  restore(number: number, without: (index: number) => boolean = () => false): string[] {
    return this.#uplinks.flatMap((uplink, index) => [
      ...(uplink.progress === ROUTED ? [this.#unroute(uplink)] : []),
      ...(uplink.progress > 0 ? [this.#take(uplink)] : []),
      this.#give(uplink, number),
      ...(without(index) ? [] : [this.#route(uplink)]),
    ]);
  }

  #give(uplink: Uplink, number: number): string {
    [uplink.progress, uplink.number] = [CONNECTED, number];
    return `address add ${address(uplink)}/24 dev ${uplink.device}`;
  }

  #take(uplink: Uplink): string {
    uplink.progress = 0;
    return `address del ${address(uplink)}/24 dev ${uplink.device}`;
  }

  #route(uplink: Uplink): string {
    uplink.progress = ROUTED;
    return `route add default via ${uplink.subnet}.1 dev ${uplink.device} metric ${uplink.metric}`;
  }

  #unroute(uplink: Uplink): string {
    uplink.progress = CONNECTED;
    return `route del default via ${uplink.subnet}.1 dev ${uplink.device} metric ${uplink.metric}`;
  }

  /** Returns the next pseudo-random number, the same in every run: a multiplicative generator modulo a prime. */
  #next(below: number): number {
    this.#random = (this.#random * 48271) % 0x7fff_ffff;
    return (this.#random >>> 8) % below;
  }

  /** Runs lines of `ip -batch`. Resolves when the kernel has accepted the last one. @throws Error at a refused line */
  async run(lines: readonly string[], netns: Netns = this.#lab.host): Promise<void> {
    const child = netns.spawn('ip', ['-batch', '-']);
    let trouble = '';
    child.stdout?.resume();
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (trouble += text));
    child.stdin?.end(`${lines.join('\n')}\n`);
    const [code] = (await once(child, 'close')) as [number | null];
    if (code !== 0) throw new Error(`ip -batch ended with ${code}: ${trouble}`);
  }

  /** Returns the differences from the expected state; empty if there is none. */
  wrong(): string[] {
    const { host } = this.#lab;
    const routed = this.#uplinks.filter(({ progress }) => progress === ROUTED);
    // Packets for which the administrator has a rule by destination or mark skip multihomed's rules.
    const rules = routed.flatMap((uplink) => [
      // The rule for the mark, which ruleTexts() does not show.
      ...(uplink.subnet === MARKED ? [`8680 from ${address(uplink)} goto 8684`] : []),
      `8680 from ${address(uplink)} to ${FOREIGN_NETWORK} goto ${FOREIGN_PRIORITY}`,
      `8683 from ${address(uplink)} lookup 254 suppress 1`,
      `8684 from ${address(uplink)} lookup ${this.#tables.get(uplink.device)}`,
    ]);
    const routes = routed.flatMap(({ device, subnet }) => {
      const where = `dev ${device} table ${this.#tables.get(device)}`;
      return [`${subnet}.0/24 ${where}`, `default via ${subnet}.1 ${where}`];
    });
    const endpoints = host.endpoints().filter(({ id }) => id !== FOREIGN_ID);
    const words = new Set(routed.map((uplink) => `${address(uplink)} ${uplink.device} subflow`));
    const shown = endpoints.map(({ address: at, dev, flags }) => `${at} ${dev} ${flags.join(',')}`);
    const room = Math.min(SLOTS - 1, routed.length);
    return [
      ...difference('policy rule', rules, host.ruleTexts()),
      ...difference('route', routes, host.routeTexts()),
      ...difference('IPv6', [], [...host.ruleTexts(6), ...host.routeTexts(6)]),
      ...shown.filter((each) => !words.has(each)).map((each) => `endpoint too many: ${each}`),
      ...(new Set(shown).size === room ? [] : [`${shown.length} endpoints where ${room} should be`]),
    ];
  }

  /** Returns the objects of other programs, in the format of `ip`. */
  foreign(): string {
    const { host } = this.#lab;
    const lines = (text: string, ignored: RegExp): string[] =>
      host
        .ip(text)
        .split('\n')
        .filter((line) => !ignored.test(line));
    // `changes` changes the objects of other programs on these uplinks.
    const uplinks = /\bdev u\d+\b/;
    return [
      ...lines('mptcp endpoint show', uplinks),
      ...[4, 6].flatMap((version) => [
        ...lines(`-N -d -${version} rule show`, /\bproto 86\b/),
        ...lines(`-N -d -${version} route show table all`, uplinks),
      ]),
    ].join('\n');
  }

  get rules(): number {
    return this.#lab.host.rules().filter(({ priority }) => priority === 8684).length;
  }
}

function address({ subnet, number }: Uplink): string {
  return `${subnet}.${number}`;
}

/** Compares lists, not sets, because duplicates are wrong too. */
export function difference(what: string, expected: readonly string[], shown: readonly string[]): string[] {
  const left = [...expected];
  const excess: string[] = [];
  for (const each of shown) {
    const at = left.indexOf(each);
    if (at < 0) excess.push(`${what} too many: ${each}`);
    else left.splice(at, 1);
  }
  return [...left.map((each) => `${what} missing: ${each}`), ...excess];
}
