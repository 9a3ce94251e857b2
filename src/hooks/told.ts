/**
 * Tracks what hooks know about each subject. One `Party` is one uplink or one link. This file runs nothing and uses
 * no clock.
 *
 * There is no queue. Only the latest wanted state is kept, so a newer change replaces an older one, and an outdated
 * `up` never runs.
 */
import type { Telling, Vocabulary } from './occasion.ts';

export interface Party<Facts> {
  /** The facts that hooks know; null before the first run and after a completed closing run. */
  readonly told: Facts | null;
  /** The current facts; null when the subject is gone. */
  readonly wanted: Facts | null;
  /** Why the subject is gone; null while it exists, or when the reason is unknown. */
  readonly farewell: string | null;
  /** The run that is under way; null for none. */
  readonly telling: Telling<Facts> | null;
  /** Its closing run has started and not completed. An interrupted one is repeated before any other run. */
  readonly leaving: boolean;
}

export function newParty<Facts>(told: Facts | null, leaving = false): Party<Facts> {
  // Until the first state is known, the last one that hooks were notified of is assumed to be current.
  return { told, wanted: told, farewell: null, telling: null, leaving };
}

/** Returns the next run that is due, or null. Returns null while another run is under way. */
export function next<Facts>(party: Party<Facts>, words: Vocabulary<Facts>): Telling<Facts> | null {
  const { told, wanted, farewell, telling, leaving } = party;
  if (telling !== null) return null;
  return words.next(told, leaving ? null : wanted, farewell);
}

/**
 * An `up` or a change is recorded when its run starts, so that its closing run follows even if the daemon crashes
 * meanwhile. A closing run is recorded only when it has completed, so that it is repeated after a crash.
 */
export function started<Facts>(party: Party<Facts>, telling: Telling<Facts>): Party<Facts> {
  const { ends, after } = telling;
  return { ...party, telling, leaving: ends, told: ends ? party.told : after };
}

export function finished<Facts>(party: Party<Facts>): Party<Facts> {
  const { telling, told } = party;
  return { ...party, telling: null, leaving: false, told: telling?.ends ? telling.after : told };
}

/** True when hooks know nothing, nothing is wanted and nothing runs, so that the entry can be deleted. */
export function isForgotten<Facts>(party: Party<Facts>): boolean {
  return party.told === null && party.wanted === null && party.telling === null;
}
