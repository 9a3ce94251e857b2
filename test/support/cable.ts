/** A veth pair between the host and its provider. Network N is 10.N.0.0/24 and 2400:N::/64. */
import type { Netns, Version } from './netns.ts';

export class Cable {
  readonly host: Netns;
  readonly provider: Netns;
  readonly device: string;
  /** The interface at the provider's end. */
  readonly far: string;
  readonly network: number;

  /** `middle`: a namespace between both, with the inner ends `near` and `far`. */
  constructor(host: Netns, provider: Netns, device: string, network: number, middle?: Netns) {
    [this.host, this.provider, this.device, this.network] = [host, provider, device, network];
    this.far = `to-${device}`;
    if (middle) {
      host.ip(`link add ${device} type veth peer name near netns ${middle.name}`);
      provider.ip(`link add ${this.far} type veth peer name far netns ${middle.name}`);
      for (const inner of ['near', 'far']) middle.ip(`link set ${inner} up`);
    } else host.ip(`link add ${device} type veth peer name ${this.far} netns ${provider.name}`);
    provider.ip(`address add ${this.gateway()}/24 dev ${this.far}`);
    provider.ip(`address add ${this.gateway(6)}/64 dev ${this.far} nodad`);
    provider.ip(`link set ${this.far} up`);
  }

  /** Returns the host's address; the first has number 2. */
  address(version: Version = 4, number = 2): string {
    return version === 4 ? `10.${this.network}.0.${number}` : `2400:${this.network}::${number}`;
  }

  gateway(version: Version = 4, number = 1): string {
    return this.address(version, number);
  }

  subnet(version: Version = 4): string {
    return version === 4 ? `10.${this.network}.0.0/24` : `2400:${this.network}::/64`;
  }

  up(): this {
    this.host.ip(`link set ${this.device} up`);
    return this;
  }

  down(): this {
    this.host.ip(`link set ${this.device} down`);
    return this;
  }

  /** Sets the far end down: carrier is lost, and the host's link stays up. */
  unplug(): this {
    this.provider.ip(`link set ${this.far} down`);
    return this;
  }

  /** Sets the far end up: carrier returns. */
  plugIn(): this {
    this.provider.ip(`link set ${this.far} up`);
    return this;
  }

  prefixed(version: Version = 4, number = 2): string {
    return `${this.address(version, number)}/${version === 4 ? 24 : 64}`;
  }

  /** Adds an address to the host's end. */
  addAddress(version: Version = 4, number = 2): this {
    this.host.ip(
      `address add ${this.prefixed(version, number)} dev ${this.device}${version === 6 ? ' nodad' : ''}`,
    );
    return this;
  }

  /** Deletes an address of the host's end. */
  deleteAddress(version: Version = 4, number = 2): this {
    this.host.ip(`address del ${this.prefixed(version, number)} dev ${this.device}`);
    return this;
  }

  /** Adds a default route through the cable; `more` has a metric and the like. */
  addDefault(version: Version = 4, more = ''): this {
    this.host.ip(
      `-${version} route add default via ${this.gateway(version)} dev ${this.device}${more ? ` ${more}` : ''}`,
    );
    return this;
  }

  /** Deletes the default route through the cable. */
  deleteDefault(version: Version = 4): this {
    this.host.ip(`-${version} route del default dev ${this.device}`);
    return this;
  }

  /** Brings up the link and adds an address and a default route. The metrics of two defaults of one family differ. */
  connect(version: Version = 4, metric = 100 * this.network): this {
    return this.up().addAddress(version).addDefault(version, `metric ${metric}`);
  }
}
