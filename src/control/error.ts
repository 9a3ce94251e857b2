/** What a client of the control socket gets in place of an answer. */
import type { RefusalCode } from './refusal.ts';

/** The daemon refused, with its code, or gave no answer: `unanswered`; `untrusted`: it may be anyone's program. */
export class ControlError extends Error {
  override readonly name = 'ControlError';
  readonly code: RefusalCode | 'unanswered' | 'untrusted';

  constructor(message: string, code: ControlError['code'] = 'unanswered', cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/** The daemon listens and does not answer: it is stopped, or hangs. */
export class SilentError extends ControlError {
  /** null: it could not be asked for. */
  readonly pid: number | null;

  constructor(pid: number | null, cause?: unknown) {
    super(`the daemon (pid ${pid ?? 'unknown'}) does not answer`, 'unanswered', cause);
    this.pid = pid;
  }
}
