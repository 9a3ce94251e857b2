/**
 * The network of a benchmark: uplinks u1, u2, ... in this namespace, whose other ends p1, p2, ... are in the namespace
 * `far`. Nothing is deleted, because each measurement has namespaces of its own, which end with it.
 */
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { dialogue, inside } from './process.mjs';

// For programs that need no other function of process.mjs.
export { sleep, usageOf } from './process.mjs';

/** The kernel reports a lost carrier at the earliest a second after its previous report. */
export const LINKWATCH_MS = 1100;
/** An address behind every uplink. */
export const SERVER = '10.255.0.1';

/** Runs `lines` of ip(8) in one process. */
export function ip(lines, netns) {
  const args = netns === undefined ? [] : ['-n', netns];
  execFileSync('ip', [...args, '-batch', '-'], { input: `${lines.join('\n')}\n` });
}

/** The address of uplink `n`, or its gateway's; each has a /24 of its own. */
export const addressOf = (n) => `10.${n >> 8}.${n & 255}.2`;
export const gatewayOf = (n) => `10.${n >> 8}.${n & 255}.1`;

/** Starts an `observer`, which changes and watches the network. `netns`: the namespace of the other ends. */
function observe(program, netns) {
  const child = spawn(program, [`/run/netns/${netns}`], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  /** Sends commands. Resolves with the seconds of each `wait` and `churn`; Infinity: longer than the limit. */
  const attempt = async (...commands) => {
    child.stdin.write(`${commands.join('\n')}\n`);
    const seconds = [];
    for (const command of commands)
      if (/^(wait|churn)/.test(command)) seconds.push(Number((await lines.next()).value));
    return seconds.map((each) => (each < 0 ? Infinity : each));
  };
  return {
    attempt,
    /** Like `attempt`, and rejects if the limit was reached. */
    async run(...commands) {
      const seconds = await attempt(...commands);
      if (!seconds.every(Number.isFinite)) throw new Error(`not in time: ${commands.join('; ')}`);
      return seconds;
    },
  };
}

/** Returns commands that make the links of uplink `n`; with `middle`, a program in between forwards the packets. */
const linksOf = (n, middle) =>
  middle
    ? [
        `link add u${n} type veth peer name near netns middle${n}`,
        `link add p${n} netns far type veth peer name far netns middle${n}`,
      ]
    : [`link add u${n} type veth peer name p${n} netns far`];

/**
 * Makes the links of `count` uplinks, and adds addresses and default routes to the first `used`. With `server`, the
 * server's address is behind each of them. `delays`: milliseconds in each direction, for each uplink; null: no delay.
 * @param {any} programs
 * @param {{ count: number, used?: number, server?: boolean, delays?: readonly number[] | null }} options
 */
export async function openLab(programs, { count, used = 0, server = false, delays = null }) {
  const all = Array.from({ length: count }, (_, n) => n + 1);
  for (const netns of ['far', ...(delays ? all.map((n) => `middle${n}`) : [])])
    execFileSync('ip', ['netns', 'add', netns]);
  ip(all.flatMap((n) => linksOf(n, delays !== null)));
  ip([...all.map((n) => `link set p${n} up`), 'link set lo up'], 'far');
  if (server) {
    const limits = 'mptcp limits set subflows 8 add_addr_accepted 8';
    const gateways = all.map((n) => `address add ${gatewayOf(n)}/24 dev p${n}`);
    ip([...gateways, `address add ${SERVER}/32 dev lo`, limits], 'far');
    ip(['mptcp limits set subflows 8 add_addr_accepted 8', 'link set lo up']);
  }
  const lines = [];
  for (const [at, delay] of (delays ?? []).entries()) {
    ip(['link set near up', 'link set far up'], `middle${at + 1}`);
    const line = await dialogue(inside(`middle${at + 1}`, programs.line, 'near', 'far'));
    await line.ask(`delay ${delay}`);
    lines.push(line);
  }
  const foreign = ['link add f0 type veth peer name f1', 'link set f0 up', 'link set f1 up'];
  ip([...all.map((n) => `link set u${n} up`), ...foreign, 'address add 172.31.0.1/24 dev f0']);
  const lab = { ...observe(programs.observer, 'far'), programs, count, used, lines, ...operations(delays) };
  if (delays) lab.middle = all.map((n) => observe(programs.observer, `middle${n}`));
  lab.use(used);
  return lab;
}

function operations(delays) {
  const here = indexes('u');
  const there = delays ? null : indexes('p', '-n', 'far');
  const metric = (n) => 100 + here.get(n);
  return {
    /** Interface indexes of the uplinks here, and of their other ends. */
    ...{ here, there },
    /** An interface that no rule selects. */
    foreign: Number(readFileSync('/sys/class/net/f0/ifindex', 'utf8')),
    address: (n, verb = 'add') => `addr ${verb} ${here.get(n)} ${addressOf(n)}`,
    route: (n, verb = 'add') => `default ${verb} ${here.get(n)} ${gatewayOf(n)}`,
    plug(n) {
      return [this.address(n), this.route(n)];
    },
    unplug(n) {
      return [this.route(n, 'delete'), this.address(n, 'delete')];
    },
    /** Sets the carrier of uplink `n` down or up, by its other end, between these commands. */
    async cable(n, state, before, after) {
      const observer = delays ? this.middle[n - 1] : this;
      const index = delays ? indexes('near', '-n', `middle${n}`).get(0) : there.get(n);
      return observer.attempt(...before, `carrier ${state} ${index}`, ...after);
    },
    /** Adds addresses and default routes to the first `used` uplinks. */
    use(used) {
      const numbers = Array.from({ length: used }, (_, at) => at + 1);
      const routed = (n) => `route add default via ${gatewayOf(n)} dev u${n} metric ${metric(n)} proto dhcp`;
      if (used === 0) return;
      ip(numbers.flatMap((n) => [`address add ${addressOf(n)}/24 dev u${n}`, routed(n)]));
    },
    /** Creates uplink `n` again, with the same index, after it was deleted. */
    remake(n) {
      ip([`link add u${n} index ${here.get(n)} type veth peer name p${n} netns far`, `link set u${n} up`]);
      ip([`link set p${n} up`], 'far');
      there.set(n, indexes('p', '-n', 'far').get(n));
    },
  };
}

/** Returns the indexes of the interfaces whose name is `name` and a number, by that number; without a number: 0. */
function indexes(name, ...options) {
  const links = JSON.parse(execFileSync('ip', [...options, '-j', 'link'], { maxBuffer: 1 << 28 }).toString());
  const pattern = new RegExp(`^${name}(\\d*)$`);
  const found = links.map(({ ifname, ifindex }) => [pattern.exec(ifname)?.[1], ifindex]);
  return new Map(found.filter(([n]) => n !== undefined).map(([n, index]) => [Number(n), index]));
}
