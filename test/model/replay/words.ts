/** The routes and policy rules that operations name. */
import { addressFamily, type Family } from '../../../src/netlink/ip.ts';
import { nowhere, type ModelRoute, type ModelRule } from '../state.ts';
import { addressPool, gateways } from '../steps.ts';
import type { RouteDeed, RuleDeed } from './operations.ts';

export const indexOf = (slot: number): number => 10 + slot;
const DESTINATIONS = {
  ipv4: [
    ['0.0.0.0', 0],
    ['203.0.113.0', 24],
    ['10.1.0.0', 24],
    ['128.0.0.0', 1],
  ],
  ipv6: [
    ['::', 0],
    ['2001:db8:99::', 48],
    ['2001:db8:1::', 64],
    ['8000::', 1],
  ],
} as const;

export const nexthopId = ({ slot, family }: { slot: number; family: string }): number =>
  slot + (family === 'ipv4' ? 1 : 11);

/** A default route of another program in main. */
export const plain = (family: Family): Omit<ModelRoute, 'hops'> => ({
  ...{ family, destination: nowhere(family), prefixLength: 0, table: 254, protocol: 16, type: 1, scope: 0 },
  ...{ metric: 0, preferredSource: null, metrics: null, maker: 'world' },
});

export function routeOf(deed: RouteDeed): ModelRoute {
  const { family, slot } = deed;
  const deleting = deed.deed === 'route delete';
  const gateway = gateways(slot, family)[deed.gateway]!;
  const [destination, prefixLength] = DESTINATIONS[family][deed.destination]!;
  const source = family === 'ipv4' && deed.source >= 0 ? addressPool(slot)[deed.source]![0] : null;
  return {
    ...{ family, destination: prefixLength === 0 ? nowhere(family) : destination, prefixLength },
    ...{ table: deed.table, protocol: deed.protocol, type: deleting ? 0 : 1, metric: deed.metric },
    scope: deleting ? 255 : family === 'ipv4' && gateway === null ? 253 : 0,
    hops: [{ ifindex: indexOf(slot), gateway, onlink: deed.gateway === 4 && !deleting, dead: false }],
    preferredSource: deleting ? null : source,
    ...{ metrics: null, maker: 'world' as const },
  };
}

export function ruleOf(deed: RuleDeed): ModelRule {
  const { family, source, table, suppress } = deed;
  const pool = addressPool(0)
    .map(([address]) => address)
    .filter((each) => addressFamily(each) === family);
  return {
    family,
    priority: Math.max(0, deed.priority),
    source: source < 0 ? null : pool[source % pool.length]!,
    sourceLength: source < 0 ? 0 : family === 'ipv4' ? 32 : 128,
    ...{ destination: null, destinationLength: 0, goto: null },
    ...{ table, action: 1, suppress: suppress ? 0 : null, protocol: 86, maker: 'world' as const },
  };
}
