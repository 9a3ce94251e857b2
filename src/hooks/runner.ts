/**
 * The interface between the dispatcher, which decides what to run, and the runner, which runs it. Only plain data
 * crosses it, because the runner is another process: remote-runner.ts is the daemon's side, session.ts the runner's.
 */
import type { Environment } from './environment.ts';
import type { HookAction } from './facts.ts';

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

/** How one script ended. `refused`: it could not be started; `stopped`: the daemon stopped while it ran. */
export interface HookReport {
  readonly path: string;
  readonly outcome: 'done' | 'failed' | 'timed out' | 'refused' | 'stopped';
  /** A sentence for the log; empty for `done`. */
  readonly reason: string;
  readonly milliseconds: number;
}

export interface HookRunner {
  /** Runs all scripts of the folders one after the other; returns a report for each script that passed the checks. */
  run(request: HookRequest): Promise<readonly HookReport[]>;
  /** Ends running scripts with SIGTERM and then SIGKILL to each script's process group, and starts no more. */
  stop(): Promise<void>;
}
