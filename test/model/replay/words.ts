/** The routes and policy rules that operations name. */
import { addressFamily, type Family } from '../../../src/netlink/ip.ts';
import { nowhere, type ModelRoute, type ModelRule } from '../state.ts';
import { addressPool, gateways } from '../steps.ts';
import type { RouteOperation, RuleOperation } from './operations.ts';

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
  ...{ metric: 0, preferredSource: null, metrics: null, maker: 'other' },
});

export function routeOf(operation: RouteOperation): ModelRoute {
  const { family, slot } = operation;
  const deleting = operation.kind === 'route delete';
  const gateway = gateways(slot, family)[operation.gateway]!;
  const [destination, prefixLength] = DESTINATIONS[family][operation.destination]!;
  const source = family === 'ipv4' && operation.source >= 0 ? addressPool(slot)[operation.source]![0] : null;
  return {
    ...{ family, destination: prefixLength === 0 ? nowhere(family) : destination, prefixLength },
    ...{
      table: operation.table,
      protocol: operation.protocol,
      type: deleting ? 0 : 1,
      metric: operation.metric,
    },
    scope: deleting ? 255 : family === 'ipv4' && gateway === null ? 253 : 0,
    hops: [{ ifindex: indexOf(slot), gateway, onlink: operation.gateway === 4 && !deleting, dead: false }],
    preferredSource: deleting ? null : source,
    ...{ metrics: null, maker: 'other' as const },
  };
}

export function ruleOf(operation: RuleOperation): ModelRule {
  const { family, source, table, suppress } = operation;
  const pool = addressPool(0)
    .map(([address]) => address)
    .filter((each) => addressFamily(each) === family);
  return {
    family,
    priority: Math.max(0, operation.priority),
    source: source < 0 ? null : pool[source % pool.length]!,
    sourceLength: source < 0 ? 0 : family === 'ipv4' ? 32 : 128,
    ...{ destination: null, destinationLength: 0, goto: null },
    ...{ table, action: 1, suppress: suppress ? 0 : null, protocol: 86, maker: 'other' as const },
  };
}
