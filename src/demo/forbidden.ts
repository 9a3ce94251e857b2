/** Explains why this user cannot create namespaces on this host, and what to do. */
import { readFileSync } from 'node:fs';

/** This user cannot create namespaces on this host. */
export class ForbiddenError extends Error {
  override readonly name = 'ForbiddenError';
}

interface Switch {
  readonly file: string;
  readonly forbids: string;
  /** Who cannot make namespaces with this value. */
  readonly who: 'users' | 'everyone';
}

const SWITCHES: readonly Switch[] = [
  { file: 'kernel/unprivileged_userns_clone', forbids: '0', who: 'users' },
  { file: 'kernel/apparmor_restrict_unprivileged_userns', forbids: '1', who: 'users' },
  { file: 'user/max_user_namespaces', forbids: '0', who: 'users' },
  { file: 'user/max_net_namespaces', forbids: '0', who: 'everyone' },
  { file: 'user/max_pid_namespaces', forbids: '0', who: 'everyone' },
  { file: 'user/max_mnt_namespaces', forbids: '0', who: 'everyone' },
];

export interface Refused {
  /** The error output of unshare(1). */
  readonly stderr: string;
  readonly isRoot: boolean;
  /** The folder of the kernel's settings. */
  readonly sysctl?: string;
}

export function whyForbidden({ stderr, isRoot, sysctl = '/proc/sys' }: Refused): string {
  const found = SWITCHES.find(({ file, forbids }) => read(`${sysctl}/${file}`) === forbids);
  const kernel = stderr.trim().split('\n').at(-1) ?? '';
  if (isRoot) {
    const why =
      found?.who === 'everyone' ? `${nameOf(found)} is ${found.forbids}` : kernel || 'the kernel refused';
    return `Root may not create namespaces here: ${why}. A container without CAP_SYS_ADMIN is like this: run it on the host.`;
  }
  const why = found ? `${nameOf(found)} is ${found.forbids}` : kernel || 'the kernel refused';
  return `Only root may create namespaces on this host: ${why}. Run it as root:\n    sudo multihomed demo`;
}

const nameOf = ({ file }: Switch): string => file.replaceAll('/', '.');

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return null;
  }
}
