/** Why a daemon cannot run or go on. A file of its own: a command that only reports these loads no daemon. */

/** Another daemon holds this namespace: exit code 75. */
export class HeldError extends Error {
  override readonly name = 'HeldError';
}

/** What `--once` could not do: exit code 2. */
export class UnfinishedError extends Error {
  override readonly name = 'UnfinishedError';
}

/** The kernel has no MPTCP, or it is switched off: exit code 69. */
export class NoMptcpError extends Error {
  override readonly name = 'NoMptcpError';
}
