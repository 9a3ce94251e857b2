/**
 * The life of a suspicion: an uplink whose path does not answer, until it answers again. Pure: each function takes a
 * value and a time in milliseconds by the clock, and returns a new value.
 */

export type DoubtPhase =
  /** Its endpoint stays, because connections have no other subflow. */
  | 'kept'
  /** Its endpoint is to be removed, or stays away during a pause. */
  | 'absent'
  /** Its endpoint is in place, so that the kernel's own joins try the path. */
  | 'probing';

export interface Doubt {
  readonly phase: DoubtPhase;
  /** How long data had been waiting without an answer, in milliseconds. */
  readonly unanswered: number;
  readonly began: number;
  /** How many suspicions there were in short succession, this one included. */
  readonly strikes: number;
  /** How long its path is not tried, in milliseconds; grows with each strike. */
  readonly pause: number;
  /** When the next phase begins; null: not by time. */
  readonly next: number | null;
  /** Addresses of the peers that did not answer. */
  readonly peers: readonly string[];
  /** How often its endpoint was added for a probe. */
  readonly probes: number;
}

/** What is remembered of an uplink after it has answered again. */
export interface Past {
  readonly strikes: number;
  readonly ended: number;
}

/** A path that lives this long after a suspicion begins anew, in milliseconds. */
const FORGET_MS = 120_000;
const LONGEST_PAUSE_MS = 60_000;
/** Until the second probe, in milliseconds; TCP itself sends a SYN again after 1 s. */
const FIRST_PROBE_MS = 2_000;
/** Within this time after the suspicion began the path is tried at least every PROBE_MS. */
const KEEN_MS = 300_000;
const PROBE_MS = 4_000;

/** `kept`: connections have no other subflow. */
export function begin(
  past: Past | null,
  { unanswered, kept, peers }: Pick<Doubt, 'unanswered' | 'peers'> & { readonly kept: boolean },
  now: number,
): Doubt {
  const strikes = past && now - past.ended < FORGET_MS ? past.strikes + 1 : 1;
  const pause = strikes < 3 ? 0 : Math.min(LONGEST_PAUSE_MS, 1000 * 2 ** (strikes - 3));
  return {
    phase: kept ? 'kept' : 'absent',
    ...{ unanswered, peers, began: now, strikes, pause, next: null, probes: 0 },
  };
}

export interface DoubtFacts {
  /** Its endpoint is in place. */
  readonly present: boolean;
  /** Another uplink of its family is active and not suspect. */
  readonly replaced: boolean;
  /** Connections that would be closed with the endpoint. */
  readonly dependants: number;
}

/** The suspicion after time has passed or something has changed. */
export function advance(doubt: Doubt, { present, replaced, dependants }: DoubtFacts, now: number): Doubt {
  // Without another uplink nothing is gained by the endpoint's absence.
  if (!replaced || dependants > 0) {
    const phase = doubt.phase === 'absent' && !present ? 'probing' : 'kept';
    return doubt.phase === phase ? doubt : { ...doubt, phase, next: null };
  }
  if (doubt.phase === 'kept') return { ...doubt, phase: 'absent', next: null };
  if (doubt.phase === 'absent') {
    if (present) return doubt;
    const end = doubt.next ?? now + (doubt.probes === 0 ? doubt.pause : 0);
    if (now < end) return { ...doubt, next: end };
    return { ...doubt, phase: 'probing', next: null };
  }
  if (!present) return doubt;
  const end = doubt.next ?? now + probeTime(doubt, now);
  if (now < end) return doubt.next === null ? { ...doubt, next: end, probes: doubt.probes + 1 } : doubt;
  return { ...doubt, phase: 'absent', next: null };
}

/** How long one probe lasts: the kernel sends its SYN again meanwhile, in longer and longer intervals. */
function probeTime({ probes, began }: Doubt, now: number): number {
  if (probes === 0) return FIRST_PROBE_MS;
  const age = now - began;
  return age < KEEN_MS ? PROBE_MS : Math.min(LONGEST_PAUSE_MS, Math.round(PROBE_MS + (age - KEEN_MS) / 10));
}

export const end = ({ strikes }: Doubt, now: number): Past => ({ strikes, ended: now });
