/** Descriptors that whoever started this process left open. */
import { closeSync, readdirSync, readFileSync } from 'node:fs';

/** Linux's O_CLOEXEC, as /proc/PID/fdinfo has it (proc_pid_fdinfo(5)); Node does not name it. */
const O_CLOEXEC = 0o2000000;
const STANDARD_ERROR = 2;

/**
 * Closes those that a child would inherit. All that Node and we open is close-on-exec; of what it was started with, Node
 * marks only what stands before the first gap (uv_disable_stdio_inheritance).
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
      // It was that of the folder that is being read, and is closed.
    }
  }
}
