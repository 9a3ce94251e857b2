/** How often a path may be probed because data stopped arriving. Pure; times in milliseconds by the clock. */

/** What a path remembers of its silences. */
export interface SilenceMemory {
  /** The last arrival before the silence that was examined last. */
  readonly seenAt: number;
  readonly nextProbeAt: number;
  /** Milliseconds; grows while probes show that the path works. */
  readonly pause: number;
}

export const NO_SILENCE: SilenceMemory = { seenAt: -Infinity, nextProbeAt: -Infinity, pause: 0 };

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;
/** Without a vain probe for this long, the pause is short again. */
const FORGET_MS = 120_000;

/** After a probe that showed nothing: an application that pauses often is not probed as often. */
export function afterVainProbe(
  { nextProbeAt, pause }: SilenceMemory,
  seenAt: number,
  now: number,
): SilenceMemory {
  const longer = now - nextProbeAt > FORGET_MS ? FIRST_PAUSE_MS : Math.max(FIRST_PAUSE_MS, pause * 2);
  const next = Math.min(LONGEST_PAUSE_MS, longer);
  return { seenAt, pause: next, nextProbeAt: now + next };
}
