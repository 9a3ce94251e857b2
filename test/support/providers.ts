/** Several providers on one or more links of a host, and connections over them. */
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { test as labTest, type Lab } from './lab.ts';
import { Netns } from './netns.ts';
import { missing } from './programs.ts';

const lacks = missing({ ping: 'iputils-ping', python3: 'python3' });
if (lacks !== null) console.log(`Providers are not tested: ${lacks}.`);

/** A test that asks `Providers` what is reached. */
export const test = lacks === null ? labTest : labTest.skip;

/** An IPv4 address in "the Internet", which is behind each provider's router. */
export const OUTSIDE = '198.51.100.9';
/** Such an address of the same family as an address of the host. */
export const outside = (address: string): string => (isIpv6(address) ? '2600::9' : OUTSIDE);
const isIpv6 = (address: string): boolean => address.includes(':');
const PORT = 7684;
const IPPROTO_MPTCP = 262;
const BYTES = 20_000;

export interface Provider {
  readonly gateway: string;
  /** The host's address. */
  readonly address: string;
  readonly length: number;
  readonly device: string;
}

export const A: Provider = { gateway: '192.0.2.1', address: '192.0.2.10', length: 24, device: 'eth0' };
export const B: Provider = { gateway: '203.0.113.1', address: '203.0.113.10', length: 24, device: 'eth0' };

/**
 * Each provider has a router, which drops packets from the other providers' addresses (BCP 38): it has no route to
 * them.
 */
export class Providers {
  readonly host: Netns;
  /** The router of each address. */
  readonly routers: readonly Netns[];
  readonly #all: readonly Provider[];
  readonly #provider: Netns;
  readonly #children: ReturnType<Netns['spawn']>[] = [];

  constructor({ host, provider }: Lab, all: readonly Provider[]) {
    this.host = host;
    this.#provider = provider;
    this.#all = all;
    const links = [...new Set(all.map(({ device }) => device))];
    for (const link of links) {
      provider.ip(`link add lan-${link} type bridge`);
      provider.ip(`link set lan-${link} up`);
      host.ip(`link add ${link} type veth peer name to-${link} netns ${provider.name}`);
      provider.ip(`link set to-${link} master lan-${link} up`);
      host.ip(`link set ${link} up`);
    }
    const known = new Map<string, Netns>();
    this.routers = all.map(({ gateway, address, length, device }, at) => {
      const six = isIpv6(address);
      host.ip(`address add ${address}/${length} dev ${device}${six ? ' nodad' : ''}`);
      const same = known.get(`${device} ${gateway}`);
      if (same) return same;
      const router = new Netns(`${provider.name}-${at}`);
      router.sysctl('net.ipv4.conf.all.rp_filter', 1);
      provider.ip(`link add r${at} type veth peer name eth0 netns ${router.name}`);
      provider.ip(`link set r${at} master lan-${device} up`);
      router.ip('link set eth0 up');
      router.ip(`address add ${gateway}/${six ? '64 dev eth0 nodad' : '24 dev eth0'}`);
      router.ip(`address add ${outside(address)}/${six ? '128 dev lo nodad' : '32 dev lo'}`);
      if (six) router.ip(`-6 route add ${address}/128 dev eth0`);
      known.set(`${device} ${gateway}`, router);
      return router;
    });
  }

  /** Starts a server in each namespace, for TCP and MPTCP. It answers each byte with BYTES bytes. */
  async serve(): Promise<void> {
    await this.#linksUp();
    const script = `
import socket, threading
s = socket.socket(socket.AF_INET6, socket.SOCK_STREAM, ${IPPROTO_MPTCP})
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('::', ${PORT}))
s.listen()
print('listening', flush=True)
def answer(c):
    try:
        while c.recv(1): c.sendall(b'x' * ${BYTES})
    except OSError: pass
while True:
    threading.Thread(target=answer, args=(s.accept()[0],), daemon=True).start()`;
    for (const netns of new Set([this.host, ...this.routers])) {
      const server = netns.spawn('python3', ['-c', script]);
      this.#children.push(server);
      await once(server.stdout!, 'data');
    }
  }

  /** A new link drops packets until the kernel's work queue has handled its carrier, which takes a second or more. */
  async #linksUp(): Promise<void> {
    const links = [...new Set(this.#all.map(({ device }) => device))].map((device) => ({
      netns: this.host,
      device,
    }));
    const far = [...new Set(this.routers)].map((netns) => ({ netns, device: 'eth0' }));
    for (const { netns, device } of [...links, ...far])
      while (!netns.ip(`link show dev ${device}`).includes(' state UP ')) await sleep(20);
    // A bridge forwards no packets of a port until it has handled the port's carrier.
    const ports = (): string[] => this.#provider.sh('bridge link show').trim().split('\n');
    while (!ports().every((port) => port.includes(' state forwarding '))) await sleep(20);
  }

  /** Opens an MPTCP connection from each address. @returns a function that lists those that can transfer data now */
  async hold(): Promise<() => Promise<string[]>> {
    const held = await Promise.all(
      this.#all.map(async ({ address }) => {
        const child = this.host.spawn('python3', ['-c', HOLD, address, outside(address)]);
        this.#children.push(child);
        const lines = createInterface({ input: child.stdout! });
        await once(lines, 'line');
        return { address, child, lines };
      }),
    );
    return () =>
      Promise.all(
        held.map(async ({ address, child, lines }) => {
          child.stdin?.write('go\n');
          const [line] = (await once(lines, 'line')) as [string];
          return `${address} ${line}`;
        }),
      );
  }

  /**
   * Returns `ADDRESS out in` of each: `out` if it reaches the Internet, `in` if it is reached from there; by ping, TCP
   * and MPTCP.
   */
  reached(): Promise<string[]> {
    return Promise.all(
      this.#all.map(async ({ address }, at) => {
        const there = outside(address);
        const [out, into] = await Promise.all([
          transfers(this.host, address, there),
          transfers(this.routers[at]!, there, address),
        ]);
        return `${address}${out ? ' out' : ''}${into ? ' in' : ''}`;
      }),
    );
  }

  end(): void {
    for (const child of this.#children) child.kill('SIGKILL');
    for (const router of new Set(this.routers)) router.delete();
  }
}

/** Sends an ICMP echo, and completes a transfer over TCP and one over MPTCP without fallback to TCP. */
async function transfers(netns: Netns, from: string, to: string): Promise<boolean> {
  const child = netns.spawn('python3', ['-c', TRANSFER, from, to]);
  let output = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (output += text));
  await once(child, 'close');
  return output.trim() === `0 ${BYTES} ${BYTES}`;
}

/** linux/mptcp.h: the kernel refuses MPTCP_INFO on a connection that fell back to TCP. */
const CLIENT = `
import socket, subprocess, sys
source, target = sys.argv[1:3]
def connect(protocol):
    family = socket.AF_INET6 if ':' in source else socket.AF_INET
    s = socket.socket(family, socket.SOCK_STREAM, protocol)
    s.settimeout(6)
    s.bind((source, 0))
    s.connect((target, ${PORT}))
    s.settimeout(60)
    return s
def transfer(s):
    s.sendall(b'g')
    n = 0
    while n < ${BYTES}:
        d = s.recv(65536)
        if not d: break
        n += len(d)
    return n
def mptcp(s):
    s.getsockopt(284, 1, 256)
    return s`;

const TRANSFER = `${CLIENT}
plain, multipath = transfer(connect(0)), transfer(mptcp(connect(${IPPROTO_MPTCP})))
# With a deadline ping repeats the request each second until there is a reply.
ping = subprocess.run(['ping', '-c', '1', '-w', '10', '-I', source, target], stdout=subprocess.DEVNULL).returncode
print(ping, plain, multipath)`;

const HOLD = `${CLIENT}
s = mptcp(connect(${IPPROTO_MPTCP}))
print('open', flush=True)
for _ in sys.stdin:
    try: print('transfers' if transfer(s) == ${BYTES} else 'ended', flush=True)
    except OSError as e: print(e, flush=True)`;
