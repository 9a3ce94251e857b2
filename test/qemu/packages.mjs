/** Downloads Debian's packages and unpacks them into the cache without installing them. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/**
 * @param {string} version such as 6.1
 * @returns {string} the newest kernel package of this version that apt knows
 * @throws Error if there is none
 */
export function kernelPackage(version) {
  const pattern = `^linux-image-${version.replaceAll('.', '\\.')}[.][0-9.]+([-+][0-9a-z]+)?-cloud-amd64$`;
  const names = execFileSync('apt-cache', ['search', '--names-only', pattern], { encoding: 'utf8' })
    .split('\n')
    .map((line) => line.split(' ')[0] ?? '')
    .filter((name) => name !== '')
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  const newest = names.at(-1);
  if (newest === undefined)
    throw new Error(`apt knows no linux-image-${version}.*-cloud-amd64 (apt-get update, or another suite)`);
  return newest;
}

/**
 * @param {string} name of a package
 * @param {string} cache an absolute path
 * @returns {string} the folder into which it is unpacked
 */
export function unpacked(name, cache) {
  const folder = join(cache, name);
  if (existsSync(folder)) return folder;
  console.log(`fetching ${name}`);
  const draft = `${folder}.${process.pid}`;
  mkdirSync(draft, { recursive: true });
  try {
    // apt's own user may have no permission for the cache.
    execFileSync('apt-get', ['-q', '-o', 'APT::Sandbox::User=root', 'download', name], {
      cwd: draft,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const [archive] = readdirSync(draft);
    if (archive === undefined) throw new Error(`apt-get download ${name} left nothing`);
    execFileSync('dpkg-deb', ['-x', archive, '.'], { cwd: draft });
    rmSync(join(draft, archive));
    renameSync(draft, folder);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return folder;
}
