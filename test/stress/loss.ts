/** How an uplink is lost, and how it comes back. */
import type { Cable } from '../support/cable.ts';

export interface Loss {
  readonly what: 'carrier' | 'default route' | 'address' | 'link';
  readonly lose: (cable: Cable) => void;
  readonly back: (cable: Cable) => void;
}

export const CARRIER: Loss = {
  what: 'carrier',
  lose: (cable) => void cable.unplug(),
  back: (cable) => void cable.plugIn(),
};

export const DEFAULT_ROUTE: Loss = {
  what: 'default route',
  lose: (cable) => void cable.deleteDefault(),
  back: route,
};

/** The last IPv4 address of a link is removed with all of its routes. */
export const ADDRESS: Loss = {
  what: 'address',
  lose: (cable) => void cable.deleteAddress(),
  back: (cable) => route(cable.addAddress()),
};

export const LINK: Loss = {
  what: 'link',
  lose: (cable) => void cable.down(),
  back: (cable) => route(cable.up()),
};

/** Adds the default route with the metric of `Cable.connect`. */
function route(cable: Cable): void {
  cable.addDefault(4, `metric ${100 * cable.network}`);
}
