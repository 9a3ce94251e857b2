/** Errors that a client of the control socket gets instead of an answer. */
import type { RequestErrorCode } from './request-error.ts';

/**
 * The daemon refused (with its code), gave no answer (`unanswered`), or cannot be
 * trusted to be the daemon (`untrusted`).
 */
export class ControlError extends Error {
  override readonly name = 'ControlError';
  readonly code: RequestErrorCode | 'unanswered' | 'untrusted';

  constructor(message: string, code: ControlError['code'] = 'unanswered', cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/** The daemon listens but does not answer: it is stopped or hangs. */
export class SilentError extends ControlError {
  /** null: unknown. */
  readonly pid: number | null;

  constructor(pid: number | null, cause?: unknown) {
    super(`the daemon (pid ${pid ?? 'unknown'}) does not answer`, 'unanswered', cause);
    this.pid = pid;
  }
}
