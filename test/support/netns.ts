/** A network namespace for a test, and its state as `ip` shows it: the oracle of all kernel tests. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { NETLINK_ROUTE, openNetlink } from '../../src/system/addon.ts';

export interface EndpointShown {
  readonly address: string;
  readonly id: number;
  readonly dev: string;
  readonly flags: readonly string[];
  readonly port?: number;
}

export interface RuleShown {
  readonly priority: number;
  readonly src: string;
  /** NaN when the rule leads to another rule. */
  readonly table: number;
  readonly goto?: number;
  readonly dst?: string;
  readonly dstlen?: number;
  readonly suppress_prefixlen?: number;
  readonly protocol?: string;
}

export interface RouteShown {
  readonly dst: string;
  readonly dev?: string;
  readonly gateway?: string;
  readonly table?: string;
  readonly flags: readonly string[];
  readonly metrics?: readonly Record<string, number>[];
}

export type Version = 4 | 6;

/** The protocol number of multihomed's routes and policy rules. */
export const OWN_PROTOCOL = '86';
const FLAGS = ['signal', 'subflow', 'backup', 'fullmesh', 'implicit', 'laminar'];
/** Reads a flag that `ip` prints in hexadecimal because it has no name for it (implicit in 6.1). */
const isRaw = (raw: string | undefined, at: number): boolean => ((Number(`0x${raw ?? '0'}`) >> at) & 1) === 1;

export class Netns {
  readonly name: string;
  readonly path: string;

  constructor(name: string) {
    this.name = name;
    this.path = `/run/netns/${name}`;
    execFileSync('ip', ['netns', 'add', name]);
    this.ip('link set lo up');
  }

  /** Runs `ip -n NAME` with the words of `text`. @throws with the error output of `ip` */
  ip(text: string): string {
    return run('ip', ['-n', this.name, ...text.split(' ')]);
  }

  json<T>(text: string): T {
    return JSON.parse(this.ip(`-N -j ${text}`) || '[]') as T;
  }

  /** Runs a shell command in the namespace. */
  sh(text: string): string {
    return run('nsenter', [`--net=${this.path}`, 'sh', '-c', text]);
  }

  /** Starts a program in the namespace. `nsenter` executes it, so the child's pid is that of the program. */
  spawn(program: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}): ChildProcess {
    return spawn('nsenter', [`--net=${this.path}`, program, ...args], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1', ...environment },
    });
  }

  sysctl(name: string, value: string | number): void {
    this.sh(`echo ${value} >/proc/sys/${name.replaceAll('.', '/')}`);
  }

  endpoints(): EndpointShown[] {
    type Shown = { address: string; id: number; dev?: string; port?: number; rawflags?: string } & {
      [flag: string]: unknown;
    };
    return this.json<Shown[]>('mptcp endpoint show').map(
      ({ address, id, dev = '', port, rawflags, ...rest }) => ({
        address,
        id,
        dev,
        flags: FLAGS.filter((flag, at) => rest[flag] === true || isRaw(rawflags, at)),
        ...(port === undefined ? {} : { port }),
      }),
    );
  }

  /** Returns `ADDRESS DEV FLAG,FLAG` of each endpoint. */
  endpointTexts(): string[] {
    return this.endpoints()
      .map(({ address, dev, flags }) => `${address} ${dev} ${flags.join(',')}`)
      .sort();
  }

  limits(): { accepted: number; subflows: number } {
    const [, accepted, subflows] =
      /add_addr_accepted (\d+) subflows (\d+)/.exec(this.ip('mptcp limits')) ?? [];
    return { accepted: Number(accepted), subflows: Number(subflows) };
  }

  /** Returns all policy rules, or only those of multihomed. */
  rules(version: Version = 4, which: 'all' | 'own' = 'own'): RuleShown[] {
    type Shown = Omit<RuleShown, 'table'> & { table?: string };
    return this.json<Shown[]>(`-${version} -d rule show`)
      .map((rule) => ({ ...rule, table: Number(rule.table) }))
      .filter(({ protocol }) => which === 'all' || protocol === OWN_PROTOCOL);
  }

  /** multihomed's rules as `PRIORITY from ADDRESS lookup TABLE` or `PRIORITY from ADDRESS to NETWORK goto PRIORITY`. */
  ruleTexts(version: Version = 4): string[] {
    return this.rules(version).map(({ priority, src, dst, dstlen, goto: target, table, ...rest }) => {
      const suppress = rest.suppress_prefixlen === undefined ? '' : ` suppress ${rest.suppress_prefixlen}`;
      const to = dst === undefined ? '' : ` to ${dst}/${dstlen}`;
      const aim = target === undefined ? `lookup ${table}` : `goto ${target}`;
      return `${priority} from ${src}${to} ${aim}${suppress}`;
    });
  }

  /** Returns the routes of multihomed in every table. */
  routes(version: Version = 4): RouteShown[] {
    return this.json<RouteShown[]>(`-${version} -d route show table all proto ${OWN_PROTOCOL}`);
  }

  /** Returns `DESTINATION via GATEWAY dev DEV table TABLE` of each. */
  routeTexts(version: Version = 4): string[] {
    return this.routes(version)
      .map(
        ({ dst, gateway, dev, table }) =>
          `${dst}${gateway ? ` via ${gateway}` : ''} dev ${dev} table ${table}`,
      )
      .sort();
  }

  /** Returns the device and the gateway through which a packet leaves, by `ip route get`. */
  leaves(destination: string, from: string): string {
    const text = `route get ${destination} from ${from}`;
    const [route] = this.json<RouteShown[]>(destination.includes(':') ? `-6 ${text}` : text);
    return `${route?.dev}${route?.gateway ? ` via ${route.gateway}` : ''}`;
  }

  index(device: string): number {
    return this.json<{ ifindex: number }[]>(`link show ${device}`)[0]!.ifindex;
  }

  /** Returns the number of an interface's table, as documented. */
  table(device: string): number {
    return 86_840_000 + this.index(device);
  }

  /**
   * Waits for the route of the device's link-local address, which the kernel adds last, seconds after the link is up.
   */
  async linkLocal(device: string): Promise<void> {
    for (let tries = 0; tries < 1_500; tries++) {
      if (this.ip(`-6 route show table local dev ${device}`).includes('local fe80')) return;
      await sleep(20);
    }
    throw new Error(`${device} has no link-local address`);
  }

  /** Returns everything that multihomed could add or change here, without the kernel's table of local addresses. */
  state(): object {
    return {
      endpoints: this.endpoints(),
      limits: this.limits(),
      rules: [this.rules(4, 'all'), this.rules(6, 'all')],
      routes: [4, 6].map((version) =>
        this.ip(`-N -${version} route show table all`)
          .replaceAll(/ expires \d+sec/g, '')
          .split('\n')
          .filter((line) => !line.includes('table 255')),
      ),
    };
  }

  /** Path of the journal of this namespace's daemon. */
  journal(): string {
    return `${this.#runtimeFolder()}/journal.json`;
  }

  /** Path of the daemon's control socket. */
  control(): string {
    return `${this.#runtimeFolder()}/control`;
  }

  #runtimeFolder(): string {
    const ignore = (): void => undefined;
    const socket = openNetlink({
      protocol: NETLINK_ROUTE,
      netns: this.path,
      onBatch: ignore,
      onOverrun: ignore,
      onError: ignore,
    });
    socket.close();
    return `/run/multihomed/${socket.netnsCookie}`;
  }

  delete(): void {
    execFileSync('ip', ['netns', 'delete', this.name]);
  }
}

function run(program: string, args: readonly string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
