/** Ends commands that need root before they do anything else. */
import { isNetAdmin, NEEDS_ROOT } from '../system/privilege.ts';
import { ExitError, EXIT } from './exit.ts';

/** For commands that need the kernel's permission. @throws ExitError */
export function requireNetAdmin(): void {
  if (!isNetAdmin()) throw new ExitError(EXIT.permission, NEEDS_ROOT);
}

/** For requests that the daemon grants to root, even to root without capabilities. @throws ExitError */
export function requireRoot(): void {
  if (process.geteuid?.() !== 0) requireNetAdmin();
}
