/**
 * The metric for a default route that an administrator adds by hand: above that of every existing route, so that
 * existing routes keep precedence. Metrics from 1,000,000 on are ignored.
 */
import type { Snapshot } from '../snapshot/snapshot.ts';

/** Above the metrics of NetworkManager, which are below 20,800, and those of router advertisements (1024). */
const ABOVE_USUAL = 30_000;

/** A metric above that of every existing route. */
export function spareMetric({ lookups, tables }: Snapshot): number {
  const metrics = [
    ...[...lookups.values()].map((lookup) => lookup.default?.route.metric ?? 0),
    ...[...tables.ipv4.values(), ...tables.ipv6.values()].flat().map(({ metric }) => metric),
  ];
  return metrics
    .filter((metric) => metric < 1_000_000)
    .reduce((most, each) => Math.max(most, each + 100), ABOVE_USUAL);
}
