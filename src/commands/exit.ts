/** Exit codes, with the values of sysexits.h where it has one. */
export const EXIT = {
  done: 0,
  /** The kernel refused; the same code as for ip(8). */
  refused: 2,
  usage: 64,
  /** The kernel has no MPTCP, or it is switched off. */
  unavailable: 69,
  software: 70,
  /** The command needs a daemon and none runs, or another one runs already. */
  daemon: 75,
  /** CAP_NET_ADMIN is missing. */
  permission: 77,
  configuration: 78,
} as const;

/** Ends the command with a message and an exit code. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}
