/** The error in an answer on the control socket: a code for programs, a sentence for people. */

/**
 * `request`: not understood; `permission`: only for root; `starting`: the daemon has not read the kernel yet; `busy`:
 * too many clients; `configuration`: it has errors; `unfinished`: the kernel refused a part of the changes;
 * `internal`: any other error.
 */
export type RequestErrorCode =
  'request' | 'permission' | 'starting' | 'busy' | 'configuration' | 'unfinished' | 'internal';

/** Thrown by a verb of the control server; the client gets it as a ControlError with the same code. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
  readonly code: RequestErrorCode;

  constructor(code: RequestErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
