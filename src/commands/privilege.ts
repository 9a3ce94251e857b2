/** Commands that only root can use end before anything else is looked at. */
import { isNetAdmin, NEEDS_ROOT } from '../system/privilege.ts';
import { CommandError, EXIT } from './exit.ts';

/** For what the kernel does for us. @throws CommandError */
export function requireNetAdmin(): void {
  if (!isNetAdmin()) throw new CommandError(EXIT.permission, NEEDS_ROOT);
}

/** For what the daemon does for root, whatever capabilities root has left. @throws CommandError */
export function requireRoot(): void {
  if (process.geteuid?.() !== 0) requireNetAdmin();
}
