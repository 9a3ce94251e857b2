/** Counts the probes of one path and decides whether it works. Pure. */
import type { ProbeSettings } from '../rules/rule.ts';

export interface ProbeCount {
  /** Probes in a row without an answer, and with one. */
  readonly failed: number;
  readonly answered: number;
  /** When the first of `failed` was sent, in milliseconds by the clock; null: `failed` is 0. */
  readonly failingSince: number | null;
  readonly down: boolean;
}

export const NO_PROBES: ProbeCount = { failed: 0, answered: 0, failingSince: null, down: false };

/** The count after a further probe. `sentAt`: milliseconds by the clock. */
export function afterProbe(
  before: ProbeCount,
  probe: { readonly isAnswered: boolean; readonly sentAt: number },
  { up, down }: Pick<ProbeSettings, 'up' | 'down'>,
): ProbeCount {
  if (probe.isAnswered) {
    const answered = before.answered + 1;
    return { failed: 0, answered, failingSince: null, down: before.down && answered < up };
  }
  const failed = before.failed + 1;
  const failingSince = before.failingSince ?? probe.sentAt;
  return { failed, answered: 0, failingSince, down: before.down || failed >= down };
}
