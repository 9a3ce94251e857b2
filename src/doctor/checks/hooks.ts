/** Reports hooks that do not run, and why. */
import type { Facts } from '../facts.ts';
import { finding, type Finding } from '../finding.ts';

export function checkHooks({ hooks }: Facts): Finding[] {
  return hooks.map(({ path, reason, remedy }) =>
    finding('warning', `hook:${path}`, `The hook is not run: ${reason}.`, remedy && [remedy]),
  );
}
