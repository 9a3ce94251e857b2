/** Finds hooks and folders that would be refused, with the same checks as the daemon. */
import { closeSync } from 'node:fs';
import { listHooks, openHook } from '../../hooks/discover.ts';
import { isRefusal } from '../../system/trust.ts';
import type { HookRefusal } from '../facts.ts';

export function findRefusedHooks(folders: readonly string[], unread: string[]): HookRefusal[] {
  const { paths, refusals } = listHooks(folders);
  const refused: HookRefusal[] = refusals.map((each) => ({ ...each, kind: 'folder' }));
  for (const path of paths) {
    const hook = openHook(path);
    if (isRefusal(hook)) refused.push({ ...hook, kind: 'file' });
    else closeSync(hook.fd);
  }
  if (process.geteuid?.() === 0) return refused;
  // The daemon may be able to read files that this user cannot.
  const kept = refused.filter(({ code }) => code === 'denied');
  for (const { path } of kept) unread.push(`${path}: cannot be read: permission denied.`);
  return refused.filter((each) => !kept.includes(each));
}
