/** A host with uplinks to a provider, created for one test and removed after it, even if the test fails. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test as base } from 'vitest';
import { Cable } from './cable.ts';
import { Connections } from './connections.ts';
import { Daemon, finished, MAIN, type DaemonOptions, type Finished } from './daemon.ts';
import { Line } from './line.ts';
import { Modem } from './modem.ts';
import { Monitor } from './monitor.ts';
import { Netns } from './netns.ts';
import { PacketCounter, Tunnel, type Transport } from './tunnel.ts';

let count = 0;

interface Ending {
  end(): Promise<void> | void;
}

export class Lab {
  readonly folder = mkdtempSync(join(tmpdir(), 'multihomed-lab-'));
  /** The namespace in which the daemon runs. */
  readonly host = new Netns(`host-${process.pid}-${++count}`);
  /** The namespace at the other end of every cable. */
  readonly provider = new Netns(`provider-${process.pid}-${count}`);
  readonly #endings: Ending[] = [];
  #cables = 0;

  constructor() {
    // The daemon refuses a configuration that its group can write, which some users' umask permits.
    process.umask(0o022);
    // Keeps the gateway's address at the far end of a cable while that end is down.
    this.provider.sysctl('net.ipv6.conf.all.keep_addr_on_down', 1);
    chmodSync(this.folder, 0o755);
  }

  #keep<T extends Ending>(ending: T): T {
    this.#endings.push(ending);
    return ending;
  }

  /** Adds a cable whose far end is up; the host's end is down. */
  cable(device: string, network = ++this.#cables): Cable {
    return new Cable(this.host, this.provider, device, network);
  }

  /** Adds a cable whose packets can be delayed or dropped. */
  async line(device: string): Promise<Line> {
    return this.#keep(await Line.lay(this.host, this.provider, device, ++this.#cables));
  }

  /** Adds a simulated modem: POINTOPOINT and NOARP, with a carrier. */
  modem(device: string): Promise<Modem> {
    return Modem.plug(this.host, device).then((modem) => this.#keep(modem));
  }

  /** Adds a tunnel that is up and has addresses; its outer packets carry the mark. */
  async tunnel(device: string, mark = 0, transport: Transport = 'udp'): Promise<Tunnel> {
    return this.#keep(await Tunnel.open(this.host, this.provider, device, mark, transport));
  }

  /** Counts TCP packets to or from a port at the provider's ends of these cables. */
  counter(port: number, cables: readonly Cable[]): Promise<PacketCounter> {
    const devices = cables.map(({ far }) => far);
    return PacketCounter.start(this.provider, port, devices).then((counter) => this.#keep(counter));
  }

  /** Starts a daemon and waits for its first pass. `rules` as in the configuration, or the whole of it as text. */
  async daemon(rules: Record<string, unknown> | string, options: DaemonOptions = {}): Promise<Daemon> {
    const daemon = this.prepare(rules, options);
    await daemon.started();
    return daemon;
  }

  /** Starts a daemon without waiting for its first pass. */
  prepare(rules: Record<string, unknown> | string, options: DaemonOptions = {}): Daemon {
    return this.#keep(new Daemon(this.host, this.folder, rules, options));
  }

  /** Starts a daemon in the provider's namespace instead of the host's. */
  prepareFar(rules: Record<string, unknown>, args: readonly string[]): Daemon {
    return this.#keep(new Daemon(this.provider, this.folder, rules, { args }));
  }

  /** Runs a command without all of root's capabilities; `privileges` are arguments of setpriv(1). */
  withPrivileges(privileges: readonly string[], args: readonly string[]): Promise<Finished> {
    return finished(this.host.spawn('setpriv', [...privileges, process.execPath, MAIN, ...args]));
  }

  /** Starts `ip monitor` with these objects, or `ip mptcp monitor`; resolves when it listens. */
  monitor(...objects: string[]): Promise<Monitor> {
    return this.#listen(this.host, objects);
  }

  /** Starts a monitor in the provider's namespace. */
  monitorFar(...objects: string[]): Promise<Monitor> {
    return this.#listen(this.provider, objects);
  }

  async #listen(netns: Netns, objects: readonly string[]): Promise<Monitor> {
    const monitor = this.#keep(new Monitor(netns, objects));
    await monitor.listening();
    return monitor;
  }

  /** Opens MPTCP connections to a server of the provider. */
  async connections(version: 4 | 6 = 4): Promise<Connections> {
    const connections = this.#keep(new Connections(this.host, this.provider, version));
    await connections.listen();
    return connections;
  }

  async end(): Promise<void> {
    for (const ending of this.#endings.reverse()) await ending.end();
    this.host.delete();
    this.provider.delete();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Whether the tests run in a network namespace of their own; if not, they could change the host's network. */
export const isPrivate = process.env['MULTIHOMED_TEST_NETNS'] === '1';

export const test = base.extend<{ lab: Lab }>({
  lab: async ({ task, skip }, use) => {
    if (!isPrivate) {
      const why = "not in namespaces of its own (npm test makes them): this may be the host's own network";
      if (process.env['CI'] === 'true') throw new Error(why);
      Object.assign(task.meta, { why });
      skip(why);
    }
    const lab = new Lab();
    try {
      await use(lab);
    } finally {
      await lab.end();
    }
  },
});
