/**
 * Reasons why a daemon cannot run or continue. They have a file of their own, so that a command that only
 * reports them does not load the daemon.
 */

/** Another daemon manages this namespace: exit code 75. */
export class HeldError extends Error {
  override readonly name = 'HeldError';
}

/** `--once` could not do everything: exit code 2. */
export class UnfinishedError extends Error {
  override readonly name = 'UnfinishedError';
}
