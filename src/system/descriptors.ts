/** Descriptors that the parent process left open. */
import { closeSync, readdirSync, readFileSync } from 'node:fs';

/** Linux's O_CLOEXEC, as /proc/PID/fdinfo has it (proc_pid_fdinfo(5)); Node does not name it. */
const O_CLOEXEC = 0o2000000;
const STANDARD_ERROR = 2;

/**
 * Closes the descriptors that a child would inherit. Node and this program open theirs close-on-exec; of the inherited
 * ones, Node marks only those before the first gap in the numbers (uv_disable_stdio_inheritance).
 */
export function closeInherited(): void {
  for (const name of readdirSync('/proc/self/fdinfo')) {
    const fd = Number(name);
    if (fd <= STANDARD_ERROR) continue;
    try {
      const [, flags = ''] =
        /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1')) ?? [];
      if (flags !== '' && (Number.parseInt(flags, 8) & O_CLOEXEC) === 0) closeSync(fd);
    } catch {
      // This was the descriptor of the folder that is being read, which is closed by now.
    }
  }
}
