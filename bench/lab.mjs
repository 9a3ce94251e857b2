/** The network of a benchmark: uplinks u1, u2, ... here, whose other ends p1, p2, ... are in the namespace `far`. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

export const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Runs `lines` of ip(8) in one process. */
export function ip(lines, netns) {
  const args = netns === undefined ? [] : ['-n', netns];
  execFileSync('ip', [...args, '-batch', '-'], { input: `${lines.join('\n')}\n` });
}

/** The address of uplink `n`, or its gateway's; each has a /24 of its own. */
export const addressOf = (n) => `10.${n >> 8}.${n & 255}.2`;
export const gatewayOf = (n) => `10.${n >> 8}.${n & 255}.1`;

/** An open `observer`; `run` sends its commands and returns the seconds that each `wait` and `churn` took. */
function observe(program) {
  const child = spawn(program, ['/run/netns/far'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async run(...commands) {
      child.stdin.write(`${commands.join('\n')}\n`);
      const seconds = [];
      for (const command of commands)
        if (/^(wait|churn)/.test(command)) seconds.push(Number((await lines.next()).value));
      if (seconds.some((each) => each < 0)) throw new Error(`not within 60 s: ${commands.join('; ')}`);
      return seconds;
    },
    close: () => child.kill(),
  };
}

/** Makes the links of `count` uplinks, and gives addresses and default routes to the first `used`. */
export function openLab(programs, count, used) {
  spawnSync('ip', ['netns', 'delete', 'far']);
  execFileSync('ip', ['netns', 'add', 'far']);
  const all = Array.from({ length: count }, (_, n) => n + 1);
  ip(all.map((n) => `link add u${n} type veth peer name p${n} netns far`));
  ip(
    all.map((n) => `link set p${n} up`),
    'far',
  );
  ip([
    ...all.map((n) => `link set u${n} up`),
    'link add f0 type veth peer name f1',
    'link set f0 up',
    'link set f1 up',
  ]);
  ip(['address add 172.31.0.1/24 dev f0']);
  const lab = {
    ...observe(programs.observer),
    count,
    used,
    /** Interface indexes of the uplinks here, and of their other ends. */
    here: indexes(JSON.parse(execFileSync('ip', ['-j', 'link']).toString()), 'u'),
    there: indexes(JSON.parse(execFileSync('ip', ['-n', 'far', '-j', 'link']).toString()), 'p'),
    /** An interface that no rule selects. */
    foreign: Number(readFileSync('/sys/class/net/f0/ifindex', 'utf8')),
    plug: (n) => [
      `addr add ${lab.here.get(n)} ${addressOf(n)}`,
      `default add ${lab.here.get(n)} ${gatewayOf(n)}`,
    ],
    unplug: (n) => [
      `default delete ${lab.here.get(n)} ${gatewayOf(n)}`,
      `addr delete ${lab.here.get(n)} ${addressOf(n)}`,
    ],
  };
  ip(
    all
      .slice(0, used)
      .flatMap((n) => [
        `address add ${addressOf(n)}/24 dev u${n}`,
        `route add default via ${gatewayOf(n)} dev u${n} metric ${100 + lab.here.get(n)}`,
      ]),
  );
  return lab;
}

export function closeLab(lab) {
  lab.close();
  execFileSync('ip', ['netns', 'delete', 'far']);
  for (const command of ['mptcp endpoint flush', 'link delete f0', 'mptcp limits set subflows 2'])
    spawnSync('ip', command.split(' '));
  while (spawnSync('ip', ['rule', 'delete', 'protocol', '86']).status === 0);
}

function indexes(links, letter) {
  const found = links.map(({ ifname, ifindex }) => [
    new RegExp(`^${letter}(\\d+)$`).exec(ifname)?.[1],
    ifindex,
  ]);
  return new Map(found.filter(([n]) => n !== undefined).map(([n, index]) => [Number(n), index]));
}

/** Returns the processor time of a process until now in milliseconds, and how often its threads were woken. */
export function usageOf(pid) {
  let nanoseconds = 0;
  let wakeups = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    const folder = `/proc/${pid}/task/${task}`;
    nanoseconds += Number(readFileSync(`${folder}/schedstat`, 'utf8').split(' ')[0]);
    wakeups += Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(readFileSync(`${folder}/status`, 'utf8'))[1]);
  }
  // proc_pid_stat(5): cutime and cstime of children, in clock ticks of 10 ms.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return { cpu: nanoseconds / 1e6 + (Number(fields[13]) + Number(fields[14])) * 10, wakeups };
}

/** Returns the resident megabytes and the number of threads of a process. */
export function sizeOf(pid) {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const kilobytes = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(rollup)[1]) / 1000;
  return {
    rss: kilobytes('Rss'),
    dirty: kilobytes('Private_Dirty'),
    threads: readdirSync(`/proc/${pid}/task`).length,
  };
}
