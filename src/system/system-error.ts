/** Errors of system calls, with the name of their errno. */
import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';

/** Returns the name of a positive errno, such as `EPERM`. */
export function errnoName(errno: number): string {
  const name = errno > 0 ? getSystemErrorName(-errno) : '';
  if (/^E[A-Z0-9]+$/.test(name)) return name;
  const entry = Object.entries(constants.errno).find(([, value]) => value === errno);
  return entry?.[0] ?? `E${errno}`;
}

/** A system call that the kernel refused. */
export class SystemError extends Error {
  override readonly name = 'SystemError';
  /** The errno's name: `EPERM`, `ENOENT`, ... errno(3). */
  readonly code: string;
  /** Positive, as in errno(3). */
  readonly errno: number;
  /** The call that failed: `setns`, `sendmsg`, ... */
  readonly syscall: string;
  /** The object of the call, such as a path; may be empty. */
  readonly subject: string;

  /**
   * @param text the C library's text for `errno`, strerror(3)
   * @param subject the object of the call, such as a path; may be empty
   */
  constructor(errno: number, syscall: string, text: string, subject = '') {
    const code = errnoName(errno);
    super(`${syscall}${subject === '' ? '' : ` ${subject}`}: ${text} (${code})`);
    this.code = code;
    this.errno = errno;
    this.syscall = syscall;
    this.subject = subject;
  }
}

/**
 * Returns the address family that seccomp(2) denies to this process, or null when the error does not say so. IPv6 is
 * left out, because a kernel without IPv6 gives the same error.
 */
export function forbiddenFamily(error: unknown): string | null {
  if (!(error instanceof Error) || (error as NodeJS.ErrnoException).code !== 'EAFNOSUPPORT') return null;
  if (error instanceof SystemError) return FAMILIES.find((family) => family === error.subject) ?? null;
  // This is an error of Node's own sockets, which have a path; Node does not report socket(2) as the failed call.
  const { address, syscall } = error as NodeJS.ErrnoException & { address?: unknown };
  const isUnix = typeof address === 'string' && address.startsWith('/');
  return isUnix && (syscall === 'connect' || syscall === 'listen') ? 'AF_UNIX' : null;
}

const FAMILIES = ['AF_INET', 'AF_NETLINK', 'AF_UNIX'] as const;
export type AddressFamily = (typeof FAMILIES)[number];

/** Adds the family's name to an error of socket(2). */
export function namingFamily<Result>(family: AddressFamily, open: () => Result): Result {
  try {
    return open();
  } catch (error) {
    if (!(error instanceof SystemError) || error.code !== 'EAFNOSUPPORT' || error.syscall !== 'socket')
      throw error;
    throw new SystemError(error.errno, 'socket', 'Address family not supported by protocol', family);
  }
}
