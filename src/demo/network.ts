/** The private network: made, plugged and unplugged by iproute2, as a person would. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { SERVER, type Path } from './places.ts';

const run = promisify(execFile);

/** Where the other end of the wires is: a process in its network namespace. */
export class Network {
  readonly #internet: number;

  constructor(internet: number) {
    this.#internet = internet;
  }

  get internetNamespace(): string {
    return `/proc/${this.#internet}/ns/net`;
  }

  async prepare(): Promise<void> {
    await this.#here('link set lo up');
    await this.#there('link set lo up', `address add ${SERVER.address}/32 dev lo`);
    // The server takes as many subflows as it is offered.
    await this.#there('mptcp limits set subflows 8');
  }

  /** A wire from the laptop into the Internet; nobody has configured its near end. */
  async wire({ interface: near, far, gateway, prefixLength }: Path): Promise<void> {
    await this.#there(
      `link add name ${far} type veth peer name ${near}`,
      `address add ${gateway}/${prefixLength} dev ${far}`,
      `link set ${far} up`,
    );
    // The laptop is the first process of this process namespace.
    await this.#there(`link set ${near} netns 1`);
  }

  async up({ interface: near }: Path): Promise<void> {
    await this.#here(`link set ${near} up`);
  }

  /** What a DHCP client does at the end. */
  async lease({ interface: near, address, prefixLength, gateway, metric }: Path): Promise<void> {
    await this.#here(
      `address add ${address}/${prefixLength} dev ${near}`,
      `route add default via ${gateway} dev ${near} proto dhcp metric ${metric}`,
    );
  }

  /** The cable, at the wall's end: the near one loses its carrier. */
  async pull({ far }: Path): Promise<void> {
    await this.#there(`link set ${far} down`);
  }

  async plug({ far }: Path): Promise<void> {
    await this.#there(`link set ${far} up`);
  }

  /** Both ends go. */
  async remove({ far }: Path): Promise<void> {
    await this.#there(`link delete ${far}`);
  }

  async #here(...commands: string[]): Promise<void> {
    for (const command of commands) await run('ip', command.split(' '));
  }

  async #there(...commands: string[]): Promise<void> {
    const enter = [`--net=${this.internetNamespace}`, 'ip'];
    for (const command of commands) await run('nsenter', [...enter, ...command.split(' ')]);
  }
}
