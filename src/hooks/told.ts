/**
 * Who was told what. One `Party` is one uplink or one link; nothing here runs anything or knows the time.
 *
 * No queue is kept: what is wanted last is all that ever waits, so that a newer
 * change replaces an older one by itself, and an `up` that is no longer true is never found.
 */
import type { HookAction, Vocabulary } from './occasion.ts';

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

export interface Telling<Facts> {
  readonly action: HookAction;
  readonly facts: Facts;
}

export function newParty<Facts>(told: Facts | null, leaving = false): Party<Facts> {
  // Until the first level is known, what was told last is assumed to be so still.
  return { told, wanted: told, farewell: null, telling: null, leaving };
}

/** The next run that is due, or null. Never one while another runs. */
export function next<Facts extends { readonly reason: string }>(
  party: Party<Facts>,
  words: Vocabulary<Facts>,
): Telling<Facts> | null {
  const { told, wanted, farewell, telling, leaving } = party;
  if (telling !== null) return null;
  if (told === null) return wanted === null ? null : { action: words.come, facts: wanted };
  // On the way down the last known values are told: a hook undoes what it did with them.
  if (wanted === null || leaving) {
    return { action: words.go, facts: farewell === null ? told : { ...told, reason: farewell } };
  }
  if (!words.same(told, wanted)) return { action: words.go, facts: told };
  if (words.change !== null && words.changed(told, wanted)) return { action: words.change, facts: wanted };
  return null;
}

/**
 * A coming or a change counts as told when its run starts, so that it is followed by its end even if the daemon
 * dies meanwhile; an end counts only when its run is over, so that it is told again in that case.
 */
export function started<Facts>(
  party: Party<Facts>,
  telling: Telling<Facts>,
  words: Vocabulary<Facts>,
): Party<Facts> {
  const leaving = telling.action === words.go;
  return { ...party, telling, leaving, told: leaving ? party.told : telling.facts };
}

export function finished<Facts>(party: Party<Facts>, words: Vocabulary<Facts>): Party<Facts> {
  const gone = party.telling?.action === words.go;
  return { ...party, telling: null, leaving: false, told: gone ? null : party.told };
}

/** Neither told nor wanted nor running: nothing to remember. */
export function isForgotten<Facts>(party: Party<Facts>): boolean {
  return party.told === null && party.wanted === null && party.telling === null;
}
