/** The links whose routes the plan depends on. */
import { isTunnel } from '../snapshot/host-egress.ts';
import type { PassResult } from './parts.ts';

/** Indices of the links that a rule selects, and of tunnels, which take traffic from uplinks. */
export function followedLinks({
  plan,
  snapshot,
}: Pick<PassResult, 'plan' | 'snapshot'>): ReadonlySet<number> {
  const selected = plan.selected.filter(({ rule }) => !rule.ignore).map(({ link }) => link.index);
  const tunnels = [...snapshot.links.values()].filter(isTunnel).map(({ index }) => index);
  return new Set([...selected, ...tunnels]);
}
