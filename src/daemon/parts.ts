/** The parts that the loop works with, and the result of its last pass. */
import type { Kernel } from '../actions/apply.ts';
import type { Journal } from '../actions/journal.ts';
import type { HookDispatcher } from '../hooks/dispatcher.ts';
import type { HookRecord } from '../hooks/record.ts';
import type { State } from '../actions/state.ts';
import type { Plan } from '../plan/plan.ts';
import type { SnapshotReader } from '../snapshot/reader.ts';
import type { OpenConnections, Snapshot } from '../snapshot/snapshot.ts';
import type { Configuration } from '../rules/rule.ts';
import type { Clock } from '../system/clock.ts';
import type { Log } from '../system/log.ts';

export interface PassResult {
  readonly plan: Plan;
  readonly snapshot: Snapshot;
  readonly state: State;
  /** When each uplink entered its state, by its key, in milliseconds since the epoch. */
  readonly since: ReadonlyMap<string, number>;
}

export interface LoopParts {
  readonly kernel: Kernel;
  readonly reader: SnapshotReader;
  readonly clock: Clock;
  readonly log: Log;
  readonly journal: Journal;
  readonly hooks: HookDispatcher;
  /** Reads the open connections, as in the snapshot; called only while the plan depends on them. */
  readonly connections: () => Promise<OpenConnections>;
  /** Suspect uplinks, and endpoints to renew or to try again, as in the snapshot; absent if nothing watches the paths. */
  readonly health?: () => Pick<Snapshot, 'suspects' | 'renewals' | 'retries'>;
  readonly dryRun: boolean;
  readonly state: State;
  readonly notified: HookRecord;
  /** Called when the configuration has changed. */
  readonly onReload?: (configuration: Configuration) => void;
  /** Called after each pass. */
  readonly onPass: (view: PassResult) => void;
}
