/** Programs that tests run: whether they are installed, and the package to install. */
import { spawnSync } from 'node:child_process';

/** Namespaces of its own: network, mounts with an empty /run, and processes, all of which end with it. */
export const NAMESPACES = [
  ...(process.geteuid?.() === 0 ? [] : ['--user', '--map-root-user']),
  '--net',
  '--mount',
  '--pid',
  '--fork',
  '--kill-child',
  '--mount-proc',
  '--',
];

/**
 * Returns the reason why the test cannot run: a program is not installed, or namespaces cannot be created; null if it
 * can. `programs`: the Debian package of each. @throws Error with this reason if CI is `true`
 */
export function missing(programs: Readonly<Record<string, string>>): string | null {
  const reason = absent(programs);
  if (reason !== null && process.env['CI'] === 'true') throw new Error(reason);
  return reason;
}

/** Like `missing`, also in CI: for programs that need not be installed for tests. */
export function absent(programs: Readonly<Record<string, string>>): string | null {
  const PATH = '/usr/sbin:/usr/bin:/sbin:/bin';
  for (const [program, debianPackage] of Object.entries(programs)) {
    const found = spawnSync('sh', ['-c', 'command -v "$1"', 'sh', program], { env: { PATH } }).status === 0;
    if (!found) return `${program} is not installed: apt-get install ${debianPackage}`;
  }
  const { status, stderr } = spawnSync('unshare', [...NAMESPACES, 'true'], { encoding: 'utf8' });
  return status === 0 ? null : `namespaces cannot be made here: ${stderr.trim()}`;
}
