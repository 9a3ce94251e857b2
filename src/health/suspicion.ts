/**
 * The phases of a suspicion, from its begin until the uplink's path answers again. Pure: each function takes a
 * value and a time in milliseconds by the clock, and returns a new value.
 */

export type SuspicionPhase =
  /** Its endpoint stays, because connections have no other subflow. */
  | 'kept'
  /** Its endpoint is to be removed, or is not added again before the pause is over. */
  | 'absent'
  /** Its endpoint is in place, so that the kernel's own joins try the path. */
  | 'probing';

export interface Suspicion {
  readonly phase: SuspicionPhase;
  /** How long nothing had arrived although it should have, in milliseconds. */
  readonly unanswered: number;
  /** Data of the peers stopped, and a new subflow got no answer; otherwise data of this host waited for an answer. */
  readonly isSilent: boolean;
  /** Milliseconds by the clock. */
  readonly began: number;
  /** How many suspicions there were in short succession, this one included. */
  readonly strikes: number;
  /** How long its path is not tried, in milliseconds; grows with each strike. */
  readonly pause: number;
  /** When the next phase begins, in milliseconds by the clock; null: not by time. */
  readonly next: number | null;
  /** Addresses of the peers that did not answer. */
  readonly peers: readonly string[];
  /** How often its endpoint was added for a probe. */
  readonly probes: number;
}

/** The part of the last suspicion of a path that is kept. */
export interface PastSuspicion {
  readonly strikes: number;
  /** Milliseconds by the clock. */
  readonly ended: number;
}

/** After this time without a suspicion, in milliseconds, the strikes of a path are counted from zero again. */
const FORGET_MS = 120_000;
const LONGEST_PAUSE_MS = 60_000;
/** How long the first probe lasts, in milliseconds; TCP sends a SYN again after 1 s. */
const FIRST_PROBE_MS = 2_000;
/** For this long after the suspicion began, a probe lasts PROBE_MS; later ones last longer. */
const FREQUENT_PROBES_MS = 300_000;
const PROBE_MS = 4_000;

/** A new suspicion. `past`: the last one of this path; null: none. `kept`: connections have no other subflow. */
export function begin(
  past: PastSuspicion | null,
  { kept, ...evidence }: Pick<Suspicion, 'unanswered' | 'isSilent' | 'peers'> & { readonly kept: boolean },
  now: number,
): Suspicion {
  const strikes = past && now - past.ended < FORGET_MS ? past.strikes + 1 : 1;
  const pause = strikes < 3 ? 0 : Math.min(LONGEST_PAUSE_MS, 1000 * 2 ** (strikes - 3));
  return {
    phase: kept ? 'kept' : 'absent',
    ...{ ...evidence, began: now, strikes, pause, next: null, probes: 0 },
  };
}

export interface SuspicionFacts {
  /** Its endpoint is in place. */
  readonly present: boolean;
  /** Another uplink of its family is active and not suspect. */
  readonly replaced: boolean;
  /** Connections that would be closed with the endpoint. */
  readonly dependants: number;
}

/** The suspicion after time has passed or something has changed. */
export function advance(
  suspicion: Suspicion,
  { present, replaced, dependants }: SuspicionFacts,
  now: number,
): Suspicion {
  // The endpoint's removal helps only if another uplink can carry the connections.
  if (!replaced || dependants > 0) {
    const phase = suspicion.phase === 'absent' && !present ? 'probing' : 'kept';
    return suspicion.phase === phase ? suspicion : { ...suspicion, phase, next: null };
  }
  if (suspicion.phase === 'kept') return { ...suspicion, phase: 'absent', next: null };
  if (suspicion.phase === 'absent') {
    if (present) return suspicion;
    const end = suspicion.next ?? now + (suspicion.probes === 0 ? suspicion.pause : 0);
    if (now < end) return { ...suspicion, next: end };
    return { ...suspicion, phase: 'probing', next: null };
  }
  if (!present) return suspicion;
  const end = suspicion.next ?? now + probeTime(suspicion, now);
  if (now < end)
    return suspicion.next === null ? { ...suspicion, next: end, probes: suspicion.probes + 1 } : suspicion;
  return { ...suspicion, phase: 'absent', next: null };
}

/** Ends the pause of a suspicion, because a connection has no subflow that works on any other path. */
export const hasten = (suspicion: Suspicion, now: number): Suspicion =>
  suspicion.phase === 'absent' ? { ...suspicion, next: now } : suspicion;

/** How long one probe lasts, in milliseconds. Meanwhile the kernel sends its SYN again, at growing intervals. */
function probeTime({ probes, began }: Suspicion, now: number): number {
  if (probes === 0) return FIRST_PROBE_MS;
  const age = now - began;
  return age < FREQUENT_PROBES_MS
    ? PROBE_MS
    : Math.min(LONGEST_PAUSE_MS, Math.round(PROBE_MS + (age - FREQUENT_PROBES_MS) / 10));
}

/** The part of a suspicion that is kept when it ends. */
export const end = ({ strikes }: Suspicion, now: number): PastSuspicion => ({ strikes, ended: now });
