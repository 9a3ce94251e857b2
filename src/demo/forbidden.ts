/** Explains in one sentence why this user cannot create namespaces on this host, and what to do. */
import { readFileSync } from 'node:fs';

/** This user cannot create namespaces on this host. */
export class ForbiddenError extends Error {
  override readonly name = 'ForbiddenError';
}

interface Switch {
  readonly file: string;
  readonly forbids: string;
  /** Whether the setting also applies to root. */
  readonly root: boolean;
}

const SWITCHES: readonly Switch[] = [
  { file: 'kernel/unprivileged_userns_clone', forbids: '0', root: false },
  { file: 'kernel/apparmor_restrict_unprivileged_userns', forbids: '1', root: false },
  { file: 'user/max_user_namespaces', forbids: '0', root: false },
  { file: 'user/max_net_namespaces', forbids: '0', root: true },
  { file: 'user/max_pid_namespaces', forbids: '0', root: true },
  { file: 'user/max_mnt_namespaces', forbids: '0', root: true },
];

/** `said` is the error output of unshare(1). */
export function whyForbidden(said: string, root: boolean, sysctl = '/proc/sys'): string {
  const found = SWITCHES.find(({ file, forbids }) => read(`${sysctl}/${file}`) === forbids);
  const kernel = said.trim().split('\n').at(-1) ?? '';
  if (root) {
    const why = found?.root ? `${nameOf(found)} is ${found.forbids}` : kernel || 'the kernel refused';
    return `Not even root may make namespaces here (${why}), as in a container without CAP_SYS_ADMIN: run it on the host.`;
  }
  const why = found ? `${nameOf(found)} is ${found.forbids}` : kernel || 'the kernel refused';
  return `This host lets only root make namespaces (${why}): run it with sudo.`;
}

const nameOf = ({ file }: Switch): string => file.replaceAll('/', '.');

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return null;
  }
}
