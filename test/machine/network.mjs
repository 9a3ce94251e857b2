/** The networks that the machine is plugged into, in a namespace of this script: each has a router with DHCP. */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

/** An address of a server that is behind every router. */
export const SERVER = '198.51.100.1';
/** Another one, which only answers pings. */
export const TARGET = '198.51.100.2';
/** The address that each modem with NAT leases. */
export const LEASE = '192.168.8.100';

const ip = (...args) => execFileSync('ip', args, { encoding: 'utf8' });

/** A table of nft with one chain. */
const table = (name, hook, rule) => `table ip ${name} {
  chain ${hook} {
    type ${name === 'nat' ? 'nat' : 'filter'} hook ${hook} priority 0;
    ${rule};
  }
}`;

export class Network {
  #children = [];
  #work;

  constructor(work) {
    this.#work = work;
    // Names of network namespaces are private to this script.
    mkdirSync('/run/netns', { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', '/run/netns']);
    ip('link', 'set', 'lo', 'up');
    for (const address of [SERVER, TARGET]) ip('address', 'add', `${address}/32`, 'dev', 'lo');
    ip('mptcp', 'limits', 'set', 'subflows', '8', 'add_addr_accepted', '8');
  }

  /** Makes the tap device of router N, 10.(80+N).0.1, which leases 11 addresses. @returns its name */
  router(number) {
    const name = `tap${number}`;
    const net = `10.${80 + number}.0`;
    ip('tuntap', 'add', name, 'mode', 'tap');
    ip('address', 'add', `${net}.1/24`, 'dev', name);
    ip('link', 'set', name, 'up');
    this.#lease(name, `${net}.10,${net}.20`);
    return name;
  }

  /**
   * Makes the tap device of modem N. All modems have the address 192.168.8.1 and lease the same one; behind their NAT is
   * the network 10.(80+N).0.0/24.
   * @returns its name
   */
  modem(number) {
    const [name, netns, bridge] = [`tap${number}`, `modem${number}`, `br${number}`];
    const net = `10.${80 + number}.0`;
    const inside = ['netns', 'exec', netns];
    ip('netns', 'add', netns);
    ip('tuntap', 'add', name, 'mode', 'tap');
    ip('link', 'add', bridge, 'type', 'bridge');
    ip('link', 'add', `lan${number}`, 'type', 'veth', 'peer', 'name', 'lan', 'netns', netns);
    ip('link', 'add', `wan${number}`, 'type', 'veth', 'peer', 'name', 'wan', 'netns', netns);
    for (const port of [name, `lan${number}`]) ip('link', 'set', port, 'master', bridge, 'up');
    ip('link', 'set', bridge, 'up');
    ip('address', 'add', `${net}.1/24`, 'dev', `wan${number}`);
    ip('link', 'set', `wan${number}`, 'up');
    for (const [device, address] of [
      ['lan', '192.168.8.1/24'],
      ['wan', `${net}.2/24`],
    ]) {
      ip('-n', netns, 'address', 'add', address, 'dev', device);
      ip('-n', netns, 'link', 'set', device, 'up');
    }
    ip('-n', netns, 'route', 'add', 'default', 'via', `${net}.1`);
    ip(...inside, 'sysctl', '-qw', 'net.ipv4.ip_forward=1');
    execFileSync('ip', [...inside, 'nft', '-f', '-'], {
      input: table('nat', 'postrouting', 'oifname "wan" masquerade'),
    });
    this.#lease('lan', `${LEASE},${LEASE}`, netns);
    return name;
  }

  #lease(device, range, netns) {
    const options = [
      '--keep-in-foreground',
      '--conf-file=/dev/null',
      '--port=0',
      '--bind-interfaces',
      `--interface=${device}`,
      `--dhcp-range=${range},1h`,
      `--dhcp-leasefile=${join(this.#work, `${netns ?? device}.leases`)}`,
      '--no-ping',
      '--user=root',
    ];
    const command = ['dnsmasq', ...options];
    if (netns !== undefined) command.unshift('ip', 'netns', 'exec', netns);
    this.#children.push(spawn(command[0], command.slice(1), { stdio: 'ignore' }));
  }

  /** Drops what comes through the tap device for TARGET, or nothing any more. */
  block(tap, isBlocked) {
    const drop = table('block', 'input', `iifname "${tap}" ip daddr ${TARGET} drop`);
    const input = `table ip block\ndelete table ip block\n${isBlocked ? drop : ''}`;
    execFileSync('nft', ['-f', '-'], { input });
  }

  /** Starts the echo server. */
  serve(addon, talk, port) {
    this.#children.push(spawn(process.execPath, [talk, 'server', addon, String(port)], { stdio: 'inherit' }));
  }

  end() {
    for (const child of this.#children) child.kill();
  }
}
