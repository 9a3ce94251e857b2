/** A network on another link of the host whose DHCP server assigns an address that a first link already has. */
import { once } from 'node:events';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ChildProcess } from 'node:child_process';
import { Netns } from './netns.ts';

/** udhcpc(8) runs this script with the lease in the environment. It configures the interface like Debian's script. */
const SCRIPT = `#!/bin/sh
case $1 in
deconfig) ip link set "$interface" up ;;
bound | renew)
  ip address replace "$ip/$mask" dev "$interface"
  ip route replace default via "$router" dev "$interface" proto dhcp metric "$METRIC" ;;
esac
`;

export class RogueNetwork {
  readonly netns: Netns;
  readonly #host: Netns;
  readonly #device: string;
  readonly #children: ChildProcess[] = [];
  /** The output of the DHCP client. */
  #log = '';

  /** @param address the address that it leases to the host, from a /24 in which the server has the first address */
  constructor(host: Netns, device: string, address: string) {
    [this.#host, this.#device] = [host, device];
    this.netns = new Netns(`${host.name}-rogue-${device}`);
    host.ip(`link add ${device} type veth peer name lan0 netns ${this.netns.name}`);
    this.netns.ip(`address add ${address.replace(/\d+$/, '1')}/24 dev lan0`);
    this.netns.ip('link set lan0 up');
    const server = this.netns.spawn('dnsmasq', [
      ...['--conf-file=/dev/null', '--port=0', '--no-ping', '--interface=lan0', '--bind-interfaces'],
      ...[`--dhcp-range=${address},${address},255.255.255.0,1h`, '--dhcp-authoritative', '--no-daemon'],
      ...['--dhcp-leasefile=/dev/null', '--pid-file', '--user=root'],
    ]);
    this.#keep(server);
  }

  #keep(child: ChildProcess): void {
    this.#children.push(child);
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => (this.#log += text));
  }

  /** Runs the host's DHCP client, which configures the lease with this route metric. */
  async lease(folder: string, metric: number): Promise<void> {
    const script = join(folder, `udhcpc-${this.#device}`);
    writeFileSync(script, SCRIPT);
    chmodSync(script, 0o755);
    this.#host.ip(`link set ${this.#device} up`);
    // In a mount namespace, like all DHCP clients of the tests, so that it cannot write the host's files.
    const client = this.#host.spawn(
      'unshare',
      [
        ...['--mount', 'udhcpc', '-f', '-q', '-n', '-t', '20', '-T', '1'],
        ...['-i', this.#device, '-s', script],
      ],
      { METRIC: `${metric}` },
    );
    this.#keep(client);
    const [code] = (await once(client, 'close')) as [number | null];
    if (code !== 0) throw new Error(`no lease on ${this.#device}: ${this.#log}`);
  }

  end(): void {
    for (const child of this.#children) child.kill('SIGKILL');
    this.netns.delete();
  }
}
