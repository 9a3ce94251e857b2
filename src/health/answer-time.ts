/** How long an answer may take before a path is suspect. */
import type { HealthSettings } from '../rules/rule.ts';

export type AnswerTime = Pick<HealthSettings, 'rttFactor' | 'margin'>;

/** Multiples of the mean deviation of the round-trip time, as in the retransmission timer of RFC 6298. */
const DEVIATIONS = 4;

/**
 * The limit for one subflow in milliseconds. The margin is for delayed acknowledgements (TCP_DELACK_MIN is 40 ms) and
 * for the timers of both sides.
 * @param rtt smoothed round-trip time in microseconds, as in TCP_INFO
 * @param rttVariation its mean deviation in microseconds
 */
export const answerLimit = (
  { rtt, rttVariation }: { readonly rtt: number; readonly rttVariation: number },
  { rttFactor, margin }: AnswerTime,
): number => (rttFactor * rtt + DEVIATIONS * rttVariation) / 1000 + margin;
