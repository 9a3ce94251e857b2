import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';

/** The name of a positive errno, such as `EPERM`. */
export function errnoName(errno: number): string {
  const name = errno > 0 ? getSystemErrorName(-errno) : '';
  if (/^E[A-Z0-9]+$/.test(name)) return name;
  const entry = Object.entries(constants.errno).find(([, value]) => value === errno);
  return entry?.[0] ?? `E${errno}`;
}

/** A system call that the kernel refused. */
export class SystemError extends Error {
  override readonly name = 'SystemError';
  /** `EPERM`, `ENOENT`, ... errno(3). */
  readonly code: string;
  /** Positive, as in errno(3). */
  readonly errno: number;
  /** The call that failed: `setns`, `sendmsg`, ... */
  readonly syscall: string;

  /**
   * @param text the C library's words for `errno`, strerror(3)
   * @param subject what it was tried on, such as a path; may be empty
   */
  constructor(errno: number, syscall: string, text: string, subject = '') {
    const code = errnoName(errno);
    super(`${syscall}${subject === '' ? '' : ` ${subject}`}: ${text} (${code})`);
    this.code = code;
    this.errno = errno;
    this.syscall = syscall;
  }
}
