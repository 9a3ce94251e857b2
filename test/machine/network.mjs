/** The networks that the machine is plugged into, in a namespace of this script: each has a router with DHCP. */
import { execFileSync, spawn } from 'node:child_process';
import { join } from 'node:path';

/** An address of a server that is behind every router. */
export const SERVER = '198.51.100.1';

const ip = (...args) => execFileSync('ip', args, { encoding: 'utf8' });

export class Network {
  #children = [];
  #work;

  constructor(work) {
    this.#work = work;
    ip('link', 'set', 'lo', 'up');
    ip('address', 'add', `${SERVER}/32`, 'dev', 'lo');
    ip('mptcp', 'limits', 'set', 'subflows', '8', 'add_addr_accepted', '8');
  }

  /** Makes the tap device of router N, 10.(80+N).0.1, which leases one address. @returns its name */
  router(number) {
    const name = `tap${number}`;
    const net = `10.${80 + number}.0`;
    ip('tuntap', 'add', name, 'mode', 'tap');
    ip('address', 'add', `${net}.1/24`, 'dev', name);
    ip('link', 'set', name, 'up');
    const options = [
      '--keep-in-foreground',
      '--conf-file=/dev/null',
      '--port=0',
      '--bind-interfaces',
      `--interface=${name}`,
      `--dhcp-range=${net}.10,${net}.20,1h`,
      `--dhcp-leasefile=${join(this.#work, `${name}.leases`)}`,
      '--no-ping',
      '--user=root',
    ];
    this.#children.push(spawn('dnsmasq', options, { stdio: 'ignore' }));
    return name;
  }

  /** Starts the echo server. */
  serve(addon, talk, port) {
    this.#children.push(spawn(process.execPath, [talk, 'server', addon, String(port)], { stdio: 'inherit' }));
  }

  end() {
    for (const child of this.#children) child.kill();
  }
}
