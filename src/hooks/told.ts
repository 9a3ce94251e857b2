/**
 * Who was told what. One `Party` is one uplink or one link; nothing here runs anything or knows the time.
 *
 * No queue is kept: what is wanted last is all that ever waits, so that a newer
 * change replaces an older one by itself, and an `up` that is no longer true is never found.
 */
import type { Telling, Vocabulary } from './occasion.ts';

export interface Party<Facts> {
  /** What the hooks believe: null when they were told nothing, or of the end. */
  readonly told: Facts | null;
  /** What is so now: null when it is gone. */
  readonly wanted: Facts | null;
  /** Why it is gone; null while it is there, or when nobody said. */
  readonly farewell: string | null;
  /** What is being told at this moment. */
  readonly telling: Telling<Facts> | null;
  /** Its end was begun and cut short: whatever is so now, it is told again first. */
  readonly leaving: boolean;
}

export function newParty<Facts>(told: Facts | null, leaving = false): Party<Facts> {
  // Until the first level is known, what was told last is assumed to be so still.
  return { told, wanted: told, farewell: null, telling: null, leaving };
}

/** The next run that is due, or null. Never one while another runs. */
export function next<Facts>(party: Party<Facts>, words: Vocabulary<Facts>): Telling<Facts> | null {
  const { told, wanted, farewell, telling, leaving } = party;
  if (telling !== null) return null;
  return words.next(told, leaving ? null : wanted, farewell);
}

/**
 * A coming or a change counts as told when its run starts, so that it is followed by its end even if the daemon
 * dies meanwhile; an end counts only when its run is over, so that it is told again in that case.
 */
export function started<Facts>(party: Party<Facts>, telling: Telling<Facts>): Party<Facts> {
  const { ends, after } = telling;
  return { ...party, telling, leaving: ends, told: ends ? party.told : after };
}

export function finished<Facts>(party: Party<Facts>): Party<Facts> {
  const { telling, told } = party;
  return { ...party, telling: null, leaving: false, told: telling?.ends ? telling.after : told };
}

/** Neither told nor wanted nor running: nothing to remember. */
export function isForgotten<Facts>(party: Party<Facts>): boolean {
  return party.told === null && party.wanted === null && party.telling === null;
}
