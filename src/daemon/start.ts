/** Prepares the daemon: opens the kernel, takes the lock, and reads the journal of an earlier run. */
import { Journal, type JournalIdentity } from '../actions/journal.ts';
import type { State } from '../actions/state.ts';
import { EMPTY_HOOK_RECORD, readHookRecord, type HookRecord } from '../hooks/record.ts';
import type { Trace } from '../netlink/connection.ts';
import { checkEnabled, openSession, probeLimits, type KernelSession } from '../netlink/session.ts';
import { configurationFingerprint } from '../rules/files.ts';
import type { Configuration } from '../rules/rule.ts';
import { bootId } from '../system/boot.ts';
import { systemClock } from '../system/clock.ts';
import { isServiceStart } from '../system/notify.ts';
import { lockRuntime, makeRuntimeFolder, type RuntimeFolder } from '../system/runtime.ts';
import { HeldError } from './error.ts';
import type { RunOptions } from './options.ts';
import { rulesText } from './reloader.ts';
import { RuntimeKeeper } from './runtime-keeper.ts';

export interface DaemonKernel extends KernelSession {
  /** The highest value of a limit that this kernel accepts. */
  readonly limitMax: number;
  readonly trace: Trace | undefined;
}

/**
 * Opens the kernel of the namespace. The caller closes it.
 * @throws NoMptcpError, NetlinkError, SystemError
 */
export async function openKernel({ log, netns, trace: isTraced }: RunOptions): Promise<DaemonKernel> {
  checkEnabled(netns);
  const trace = isTraced ? (await import('../netlink/trace/log.ts')).traceTo(log) : undefined;
  const session = await openSession({ clock: systemClock, netns, trace });
  return { ...session, trace, limitMax: await probeLimits(session) };
}

/** The daemon's files in /run. */
export interface DaemonRuntime {
  readonly folder: RuntimeFolder;
  readonly identity: JournalIdentity;
  readonly journal: Journal;
  /** Holds the lock; null: a dry run, which takes no lock and has no socket. */
  readonly keeper: RuntimeKeeper | null;
}

/**
 * Makes the runtime folder and locks it until the process ends.
 * @throws HeldError another daemon manages the namespace; RuntimeFolderError, SystemError
 */
export function openRuntime({ namespace }: DaemonKernel, options: RunOptions): DaemonRuntime {
  const { dryRun, log, netns } = options;
  const folder = makeRuntimeFolder(namespace);
  const keeper = dryRun
    ? null
    : new RuntimeKeeper({ namespace, log, clock: systemClock }, lockOrThrow(folder, netns));
  const identity = { boot: bootId(), namespace };
  return { folder, identity, keeper, journal: new Journal(folder.journal, identity, keeper?.check) };
}

/**
 * @returns the descriptor of the lock
 * @throws HeldError, RuntimeFolderError, SystemError
 */
function lockOrThrow(folder: RuntimeFolder, netns: string | undefined): number {
  const lock = lockRuntime(folder, netns);
  if (lock.held) return lock.fd;
  const who = `another multihomed (pid ${lock.holder ?? 'unknown'}${lock.elsewhere ? ' where it runs' : ''})`;
  throw new HeldError(`${who} manages this network namespace${lock.elsewhere ? ', with another /run' : ''}`);
}

/** State that an earlier run left. */
export interface Restored {
  readonly state: State;
  /** The facts that hooks were last notified of. */
  readonly notified: HookRecord;
}

/** Reads the journal. A journal that is missing or of another boot gives an empty state. */
export async function restore(
  journal: Journal,
  { limitMax }: DaemonKernel,
  options: RunOptions,
): Promise<Restored> {
  const { state, notified } = journal.read();
  const paused = await pauseAtStart(state.paused, options);
  return {
    state: { ...state, limitMax, paused },
    notified: readHookRecord(notified) ?? EMPTY_HOOK_RECORD,
  };
}

/** A start by hand ends a pause, and so does a file changed since the flush; a restart after a crash does not. */
async function pauseAtStart(paused: State['paused'], { load, log }: RunOptions): Promise<State['paused']> {
  if (!paused) return null;
  const files = await configurationFingerprint(load);
  if (isServiceStart() && (paused.files ?? files) === files) return { files };
  log.info('the pause since "multihomed flush" ends with this start');
  return null;
}

/** The first line of the log. */
export function startText(
  { once, dryRun }: Pick<RunOptions, 'once' | 'dryRun'>,
  { rules, files }: Configuration,
): string {
  const mode = dryRun ? ' (--dry-run: changes nothing)' : once ? ' (--once: ends when all is in place)' : '';
  return `started${mode}, ${rulesText({ rules })} from ${files.join(', ') || 'no file'}`;
}
