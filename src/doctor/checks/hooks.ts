/** Hooks that are not run, and why. */
import type { Facts } from '../facts.ts';
import { finding, type Finding } from '../finding.ts';

export function checkHooks({ hooks }: Facts): Finding[] {
  return hooks.map(({ path, reason }) =>
    finding('warning', `hook:${path}`, `The hook is not run: ${reason}.`, mendingOf(reason)),
  );
}

/** A refusal names the command that mends it behind its last colon. */
export function mendingOf(reason: string): string | null {
  return /: (ch(?:own|mod) .+?)(?:, or .*)?$/.exec(reason)?.[1] ?? null;
}
