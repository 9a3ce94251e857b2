/**
 * Tracks the facts that hooks know about each subject: one uplink or one link. This file runs nothing and uses no
 * clock.
 *
 * There is no queue. Only the latest wanted state is kept, so a newer change replaces an older one, and an outdated
 * `up` never runs.
 */
import type { Notification, Transitions } from './facts.ts';

export interface Subject<Facts> {
  /** The facts that hooks know; null before the first run and after a completed closing run. */
  readonly lastNotified: Facts | null;
  /** The current facts; null when the subject is gone. */
  readonly wanted: Facts | null;
  /** Why the subject is gone; null while it exists, or when the reason is unknown. */
  readonly downReason: string | null;
  /** The run that is under way; null for none. */
  readonly notification: Notification<Facts> | null;
  /** Its closing run has started and not completed. An interrupted one is repeated before any other run. */
  readonly closing: boolean;
}

export function newSubject<Facts>(lastNotified: Facts | null): Subject<Facts> {
  // Until the first state is known, the last one that hooks were notified of is assumed to be current.
  return { lastNotified, wanted: lastNotified, downReason: null, notification: null, closing: false };
}

/** Returns the next run that is due, or null. Returns null while another run is under way. */
export function next<Facts>(
  subject: Subject<Facts>,
  transitions: Transitions<Facts>,
): Notification<Facts> | null {
  const { lastNotified, wanted, downReason, notification, closing } = subject;
  if (notification !== null) return null;
  return transitions.next(lastNotified, closing ? null : wanted, downReason);
}

/**
 * An `up` or a change is recorded when its run starts, so that its closing run follows even if the daemon crashes
 * in between. A closing run is recorded only when it has completed, so that it is repeated after a crash.
 */
export function started<Facts>(subject: Subject<Facts>, notification: Notification<Facts>): Subject<Facts> {
  const { ends, after } = notification;
  return { ...subject, notification, closing: ends, lastNotified: ends ? subject.lastNotified : after };
}

export function finished<Facts>(subject: Subject<Facts>): Subject<Facts> {
  const { notification, lastNotified } = subject;
  return {
    ...subject,
    notification: null,
    closing: false,
    lastNotified: notification?.ends ? notification.after : lastNotified,
  };
}

/** True when hooks know nothing, nothing is wanted and nothing runs, so that the subject can be deleted. */
export function isForgotten<Facts>(subject: Subject<Facts>): boolean {
  return subject.lastNotified === null && subject.wanted === null && subject.notification === null;
}
