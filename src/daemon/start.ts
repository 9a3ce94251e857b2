/** What the daemon decides when it starts: whether it may, whether it is paused, and what it says. */
import type { State } from '../actions/state.ts';
import { configurationFingerprint } from '../rules/files.ts';
import type { LoadOptions } from '../rules/load.ts';
import type { Configuration } from '../rules/rule.ts';
import type { Log } from '../system/log.ts';
import { isServiceStart } from '../system/notify.ts';
import { lockRuntime, type RuntimeFolder } from '../system/runtime.ts';
import { HeldError } from './error.ts';
import { rulesText } from './reloader.ts';

/**
 * @returns the descriptor of the lock
 * @throws HeldError
 */
export function lockOrEnd(
  folder: RuntimeFolder,
  kernel: { close(): void },
  netns: string | undefined,
): number {
  const lock = lockRuntime(folder, netns);
  if (lock.held) return lock.fd;
  kernel.close();
  const who = `another multihomed (pid ${lock.holder ?? 'unknown'}${lock.elsewhere ? ' where it runs' : ''})`;
  throw new HeldError(`${who} manages this network namespace${lock.elsewhere ? ', with another /run' : ''}`);
}

/** A start by hand ends a pause, and so does a file changed since the flush; a restart after a crash does not. */
export async function pauseAtStart(
  paused: State['paused'],
  { load, log }: { readonly load: LoadOptions; readonly log: Log },
): Promise<State['paused']> {
  if (!paused) return null;
  const files = await configurationFingerprint(load);
  if (isServiceStart() && (paused.files ?? files) === files) return { files };
  log.info('the pause since "multihomed flush" ends with this start');
  return null;
}

export function startText(
  { once, dryRun }: { readonly once: boolean; readonly dryRun: boolean },
  { rules, files }: Configuration,
): string {
  const how = dryRun ? 'watching without changing anything' : once ? 'making one pass' : 'started';
  return `${how}, ${rulesText({ rules })} from ${files.join(', ') || 'no file'}`;
}
