/** Decoded netlink objects with their usual values. The usual value of a new field is added here, for all tests. */
import type { Address } from '../../src/netlink/route/address.ts';
import type { Link } from '../../src/netlink/route/link.ts';
import type { PolicyRule } from '../../src/netlink/route/policy-rule.ts';
import type { Route } from '../../src/netlink/route/route.ts';

/** IFF_UP, IFF_BROADCAST, IFF_RUNNING, IFF_MULTICAST and IFF_LOWER_UP. */
const USABLE = 0x11043;

/** Hardware that is up and has carrier. */
export const LINK: Link = {
  ...{ index: 0, name: '', altnames: [], flags: USABLE, usable: true, loopback: false, pointToPoint: false },
  ...{ kind: null, master: null, group: 0, hardware: '', parent: null },
};

/** A permanent address of a /24. */
export const ADDRESS: Address = {
  ...{ ifindex: 0, family: 'ipv4', address: '', peer: null, prefixLength: 24, flags: 0x80 },
  ...{ scope: 0, preferred: null, created: 0 },
};

/** A unicast default route in main. */
export const ROUTE: Route = {
  ...{ family: 'ipv4', destination: null, prefixLength: 0, table: 254, protocol: 3, type: 1, metric: 0 },
  ...{ hops: [], preferredSource: null, metrics: null, expires: null, nexthop: null },
};

/** A rule for all packets that leads to a table. */
export const POLICY_RULE: PolicyRule = {
  ...{ family: 'ipv4', priority: 0, source: null, sourceLength: 0, destination: null, destinationLength: 0 },
  ...{ table: 254, action: 1, goto: null, suppressPrefixLength: null, suppressGroup: null, protocol: 3 },
  ...{ iif: null, oif: null, fwmark: 0, fwmask: 0, uids: null, l3mdev: false },
  ...{ header: false, invert: false, narrow: false },
};
