/** The private network, created and changed with iproute2 as a person would do it. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { SERVER, type Access } from './topology.ts';

const run = promisify(execFile);

/** Links between the laptop and the network namespace of the server's process. */
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
    // The server accepts all subflows that it is offered.
    await this.#there('mptcp limits set subflows 8');
  }

  /** Adds a link between the laptop and the server, with the laptop's end not yet configured. */
  async wire({ interface: near, far, provider, gateway, prefixLength }: Access): Promise<void> {
    await this.#there(
      `link add name ${provider} type bridge`,
      `address add ${gateway}/${prefixLength} dev ${provider}`,
      `link set ${provider} up`,
      `link add name ${far} type veth peer name ${near}`,
      `link set ${far} master ${provider} up`,
    );
    // The number 1 is the laptop, which is the first process of this pid namespace.
    await this.#there(`link set ${near} netns 1`);
  }

  async up({ interface: near }: Access): Promise<void> {
    await this.#here(`link set ${near} up`);
  }

  /** Configures the laptop's end as a DHCP client does when it has a lease. */
  async lease({ interface: near, address, prefixLength, gateway, metric }: Access): Promise<void> {
    await this.#here(
      `address add ${address}/${prefixLength} dev ${near}`,
      `route add default via ${gateway} dev ${near} proto dhcp metric ${metric}`,
    );
  }

  /** Takes the far end of the link down, so that the laptop's end loses its carrier. */
  async pull({ far }: Access): Promise<void> {
    await this.#there(`link set ${far} down`);
  }

  async plug({ far }: Access): Promise<void> {
    await this.#there(`link set ${far} up`);
  }

  /** The provider drops all packets. Both ends of the link keep their carrier. */
  async fail({ far }: Access): Promise<void> {
    await this.#there(`link set ${far} nomaster`);
  }

  /** The provider forwards packets again. */
  async repair({ far, provider }: Access): Promise<void> {
    await this.#there(`link set ${far} master ${provider}`);
  }

  /** Deletes the link, both ends. */
  async remove({ far }: Access): Promise<void> {
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
