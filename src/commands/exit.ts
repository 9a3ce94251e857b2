/** Exit codes, with the values of sysexits.h where it has one. */
export const EXIT = {
  done: 0,
  /** The kernel refused; the same code as for ip(8). */
  refused: 2,
  usage: 64,
  /** The kernel has no MPTCP, or it is disabled. */
  unavailable: 69,
  software: 70,
  /** The command needs a daemon and none runs, or another one runs already. */
  daemon: 75,
  /** CAP_NET_ADMIN is missing. */
  permission: 77,
  configuration: 78,
} as const;

/** Takes the exit code of a command. */
export type SetCode = (code: number) => void;

/** Ends the command with an exit code of EXIT and a message for people. */
export class ExitError extends Error {
  override readonly name = 'ExitError';
  readonly exitCode: number;

  constructor(exitCode: number, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}
