/**
 * Makes the folders that the daemon uses private, so that changes are visible only in this mount namespace. The shipped
 * rules are installed where an administrator would put them, and the host's own rules are hidden.
 */
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { PACKAGE_ROOT } from '../system/root.ts';
import { HOOK_NAME, HOOK_TEXT } from './hook.ts';

const RULES = join(PACKAGE_ROOT, 'rules');
const HOST_ETC = '/run/host/etc';

export function mountPrivate(): void {
  mountEmpty('/run');
  mkdirSync(HOST_ETC, { recursive: true });
  // Recursive, because a user namespace may not separate mounts that it inherited (mount_namespaces(7)).
  mount('--rbind', '/etc', HOST_ETC);
  mountEmpty('/etc');
  for (const name of readdirSync(HOST_ETC)) {
    if (name === 'multihomed') continue;
    const there = `${HOST_ETC}/${name}`;
    // A link is copied with its own target, because a relative link only works in its original folder.
    symlinkSync(lstatSync(there).isSymbolicLink() ? readlinkSync(there) : there, `/etc/${name}`);
  }
  if (existsSync('/usr/lib/multihomed')) mountEmpty('/usr/lib/multihomed');
  mkdirSync('/etc/multihomed/rules.d', { recursive: true, mode: 0o755 });
  mkdirSync('/etc/multihomed/hooks.d', { mode: 0o755 });
  // Copied, not mounted: the originals may belong to the user who unpacked them, whom the daemon does not trust.
  for (const name of readdirSync(RULES).filter((each) => each.endsWith('.yaml')))
    copyFileSync(join(RULES, name), `/etc/multihomed/rules.d/${name}`);
  writeFileSync(`/etc/multihomed/hooks.d/${HOOK_NAME}`, HOOK_TEXT, { mode: 0o755 });
}

function mountEmpty(folder: string): void {
  mount('-t', 'tmpfs', '-o', 'mode=755', 'multihomed-demo', folder);
}

/** Does not update mtab: mount(8) would create /run/mount for it, in the host's /run as long as that is not hidden. */
function mount(...parameters: string[]): void {
  execFileSync('mount', ['--no-mtab', ...parameters]);
}
