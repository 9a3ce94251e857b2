/** Why a request on the control socket was refused: a code for programs and a sentence for people. */

/**
 * `request`: not understood; `permission`: only for root; `starting`: the daemon has not read the
 * kernel yet; `busy`: too many clients; `configuration`: it has errors; `unfinished`: the kernel
 * refused a part; `internal`: any other error.
 */
export type RequestErrorCode =
  'request' | 'permission' | 'starting' | 'busy' | 'configuration' | 'unfinished' | 'internal';

export class RefusedRequest extends Error {
  override readonly name = 'RefusedRequest';
  readonly code: RequestErrorCode;

  constructor(code: RequestErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
