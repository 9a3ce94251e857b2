/** The options of `multihomed run`. */
import type { LoadOptions } from '../rules/load.ts';
import type { Configuration } from '../rules/rule.ts';
import type { Log } from '../system/log.ts';

export interface RunOptions {
  /** The configuration to start with. */
  readonly configuration: Configuration;
  /** Where a reload reads the configuration. */
  readonly load: LoadOptions;
  readonly log: Log;
  /** Change nothing: no lock, no socket, no journal; actions and hooks are only logged. */
  readonly dryRun: boolean;
  /** End as soon as nothing is left to do. */
  readonly once: boolean;
  /** Path of a namespace file; undefined: the caller's namespace. */
  readonly netns: string | undefined;
  /** Log every netlink message. */
  readonly trace: boolean;
}
