/**
 * The narrow place between who decides that hooks are due and who runs them. Everything that crosses it is plain
 * data, so that the runner can become a process with other privileges than the daemon's.
 */
import type { Environment } from './environment.ts';
import type { HookAction } from './occasion.ts';

export interface HookRequest {
  readonly action: HookAction;
  readonly interface: string;
  readonly environment: Environment;
  /** Milliseconds for each script. */
  readonly timeout: number;
  /** Name or number of the user that the scripts run as. */
  readonly user: string;
  /** In order of precedence. */
  readonly folders: readonly string[];
}

/** How one script ended. `refused`: it could not be started; `stopped`: the runner was told to stop. */
export interface HookReport {
  readonly path: string;
  readonly outcome: 'done' | 'failed' | 'timed out' | 'refused' | 'stopped';
  /** A sentence for the log; empty for `done`. */
  readonly reason: string;
  readonly milliseconds: number;
}

export interface HookRunner {
  /** Runs all scripts of the folders for one occasion, one after the other; a report for each that was begun. */
  run(request: HookRequest): Promise<readonly HookReport[]>;
  /** Ends what runs, by SIGTERM and soon SIGKILL to each script's process group, and starts nothing more. */
  stop(): Promise<void>;
}
