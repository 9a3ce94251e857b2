/**
 * The metric for a default route that a person adds by hand: above all that the host has, so
 * that it takes precedence over none.
 */
import type { Snapshot } from '../snapshot/snapshot.ts';

/** Above the metrics of NetworkManager, which are below 20,800, and those of router advertisements (1024). */
const BEHIND_USUAL = 30_000;

export function spareMetric({ answers, tables }: Snapshot): number {
  const metrics = [
    ...[...answers.values()].map((answer) => answer.default?.route.metric ?? 0),
    ...[...tables.ipv4.values(), ...tables.ipv6.values()].flat().map(({ metric }) => metric),
  ];
  return metrics
    .filter((metric) => metric < 1_000_000)
    .reduce((most, each) => Math.max(most, each + 100), BEHIND_USUAL);
}
