/** Reports hooks that are not run, and why. */
import type { Facts } from '../facts.ts';
import { finding, type Finding } from '../finding.ts';

export function checkHooks({ hooks }: Facts): Finding[] {
  return hooks.map(({ kind, path, reason, remedy }) => {
    const what = kind === 'folder' ? `No hook in ${path} is run` : 'The hook is not run';
    return finding('warning', `hook:${path}`, `${what}: ${reason}.`, remedy && [remedy]);
  });
}
