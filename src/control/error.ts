/** What a client of the control socket gets in place of an answer. */
import type { RefusalCode } from './refusal.ts';

/** The daemon refused, with its code, or gave no answer: `unanswered`. */
export class ControlError extends Error {
  override readonly name = 'ControlError';
  readonly code: RefusalCode | 'unanswered';

  constructor(message: string, code: ControlError['code'] = 'unanswered') {
    super(message);
    this.code = code;
  }
}

/** The daemon listens and does not answer: it is stopped, or hangs. */
export class SilentError extends ControlError {
  /** null: it could not be asked for. */
  readonly pid: number | null;

  constructor(pid: number | null) {
    super(`the daemon (pid ${pid ?? 'unknown'}) does not answer`);
    this.pid = pid;
  }
}
