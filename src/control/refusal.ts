/** Why a request on the control socket was not granted: a code for programs beside the sentence for people. */

/**
 * `request`: not understood; `permission`: for root alone; `starting`: the daemon has not read the kernel yet; `busy`: too
 * many clients; `configuration`: it has errors; `unfinished`: the kernel refused a part; `internal`: all else.
 */
export type RefusalCode =
  'request' | 'permission' | 'starting' | 'busy' | 'configuration' | 'unfinished' | 'internal';

export class RefusedRequest extends Error {
  override readonly name = 'RefusedRequest';
  readonly code: RefusalCode;

  constructor(code: RefusalCode, message: string) {
    super(message);
    this.code = code;
  }
}
