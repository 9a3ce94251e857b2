/**
 * Parts of the snapshot that an own action makes stale, since the listener ignores
 * the kernel's events about own changes.
 */
import type { Action } from '../plan/action.ts';
import type { Part } from '../snapshot/snapshot.ts';

/** All parts of the snapshot that the action changes. */
export function staleBy(action: Action): readonly Part[] {
  if (action.kind.startsWith('route')) return ['routes'];
  if (action.kind.startsWith('policy-rule')) return ['policyRules'];
  return ['endpoints'];
}
