/** What an action of our own makes stale: the kernel's events of it are not listened to. */
import type { Action } from '../plan/action.ts';
import type { Part } from '../snapshot/snapshot.ts';

export function staleBy(action: Action): readonly Part[] {
  if (action.kind.startsWith('route')) return ['routes'];
  if (action.kind.startsWith('policy-rule')) return ['policyRules'];
  return ['endpoints'];
}
