/** Several providers on one or more links of a host, each with a router that drops what has another's sources. */
import { once } from 'node:events';
import type { Lab } from './lab.ts';
import { Netns } from './netns.ts';

/** "The Internet", which is behind each provider's router. */
export const OUTSIDE = '198.51.100.9';
const PORT = 7684;

export interface Provider {
  readonly gateway: string;
  /** Of the host. */
  readonly address: string;
  readonly length: number;
  readonly device: string;
}

export const A: Provider = { gateway: '192.0.2.1', address: '192.0.2.10', length: 24, device: 'eth0' };
export const B: Provider = { gateway: '203.0.113.1', address: '203.0.113.10', length: 24, device: 'eth0' };

/** Each router drops what has the other's sources, as providers do (BCP 38): it has no route back to them. */
export class Providers {
  readonly host: Netns;
  readonly routers: readonly Netns[];
  readonly #all: readonly Provider[];
  readonly #servers: ReturnType<Netns['spawn']>[] = [];

  constructor({ host, provider }: Lab, all: readonly Provider[]) {
    this.host = host;
    this.#all = all;
    const links = [...new Set(all.map(({ device }) => device))];
    for (const link of links) {
      provider.ip(`link add lan-${link} type bridge`);
      provider.ip(`link set lan-${link} up`);
      host.ip(`link add ${link} type veth peer name to-${link} netns ${provider.name}`);
      provider.ip(`link set to-${link} master lan-${link} up`);
      host.ip(`link set ${link} up`);
    }
    this.routers = all.map(({ gateway, address, length, device }, at) => {
      const router = new Netns(`${provider.name}-${at}`);
      router.sysctl('net.ipv4.conf.all.rp_filter', 1);
      provider.ip(`link add r${at} type veth peer name eth0 netns ${router.name}`);
      provider.ip(`link set r${at} master lan-${device} up`);
      router.ip('link set eth0 up');
      router.ip(`address add ${gateway}/24 dev eth0`);
      router.ip(`address add ${OUTSIDE}/32 dev lo`);
      host.ip(`address add ${address}/${length} dev ${device}`);
      return router;
    });
  }

  /** A server in each namespace that says a word to whoever connects. */
  async serve(): Promise<void> {
    const script = `
import socket
s = socket.create_server(('0.0.0.0', ${PORT}))
print('listening', flush=True)
while True:
    c, _ = s.accept()
    c.sendall(b'x' * 20000)
    c.close()`;
    for (const netns of [this.host, ...this.routers]) {
      const server = netns.spawn('python3', ['-c', script]);
      this.#servers.push(server);
      await new Promise((resolve) => server.stdout?.once('data', resolve));
    }
  }

  /** `ADDRESS out in` of each: it reaches the outside, and is reached from there. */
  reached(): Promise<string[]> {
    return Promise.all(
      this.#all.map(async ({ address }, at) => {
        const [out, into] = await Promise.all([
          transfers(this.host, address, OUTSIDE),
          transfers(this.routers[at]!, OUTSIDE, address),
        ]);
        return `${address}${out ? ' out' : ''}${into ? ' in' : ''}`;
      }),
    );
  }

  end(): void {
    for (const server of this.#servers) server.kill('SIGKILL');
    for (const router of this.routers) router.delete();
  }
}

/** A whole transfer over TCP. */
async function transfers(netns: Netns, from: string, to: string): Promise<boolean> {
  const script = `
import socket
s = socket.create_connection(('${to}', ${PORT}), 2, ('${from}', 0))
n = 0
while True:
    d = s.recv(65536)
    if not d: break
    n += len(d)
print(n)`;
  const child = netns.spawn('python3', ['-c', script]);
  let told = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (told += text));
  await once(child, 'close');
  return told.trim() === '20000';
}
