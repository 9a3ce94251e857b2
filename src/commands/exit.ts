/** Exit codes, as sysexits.h has them where it has one. */
export const EXIT = {
  done: 0,
  /** The kernel refused, as with ip(8). */
  refused: 2,
  usage: 64,
  /** No MPTCP in this kernel, or it is switched off. */
  unavailable: 69,
  software: 70,
  /** A daemon is needed and none runs, or another runs already. */
  daemon: 75,
  /** No CAP_NET_ADMIN. */
  permission: 77,
  configuration: 78,
} as const;

/** Ends the command with a sentence and a code. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}
