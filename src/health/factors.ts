/** How long an answer may take before a path is suspect: factors of the round-trip time of each subflow. */

export interface Factors {
  /** Multiples of the smoothed round-trip time. */
  readonly rtt: number;
  /** Milliseconds in addition, for delayed acknowledgements (TCP_DELACK_MIN is 40 ms) and the timers of both sides. */
  readonly base: number;
}

export const DEFAULT_FACTORS: Factors = { rtt: 3, base: 50 };

/** Multiples of the mean deviation of the round-trip time, as in the retransmission timer of RFC 6298. */
const DEVIATIONS = 4;

/** Milliseconds. `rtt`, `rttVariation`: microseconds, as in TCP_INFO. */
export const answerLimit = (
  { rtt, rttVariation }: { readonly rtt: number; readonly rttVariation: number },
  factors: Factors,
): number => (factors.rtt * rtt + DEVIATIONS * rttVariation) / 1000 + factors.base;
