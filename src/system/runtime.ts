/** The runtime folder: /run/multihomed/NAMESPACE, which root alone writes. */
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeSync,
} from 'node:fs';
import { flock } from './addon.ts';
import { claimNamespace, type Lock } from './claim.ts';

/** As systemd's RuntimeDirectory= has it; nothing else is looked at, since whoever names the folder owns the journal. */
export const RUNTIME = '/run/multihomed';

export interface RuntimeFolder {
  readonly journal: string;
  readonly socket: string;
  readonly lock: string;
}

/** `namespace`: SO_NETNS_COOKIE in decimal. */
export function runtimeFolder(namespace: string): RuntimeFolder {
  const folder = `${RUNTIME}/${namespace}`;
  return { journal: `${folder}/journal.json`, socket: `${folder}/control`, lock: `${folder}/lock` };
}

/** Makes it where it is missing. @throws Error when others may write it */
export function makeRuntimeFolder(namespace: string): RuntimeFolder {
  for (const path of [RUNTIME, `${RUNTIME}/${namespace}`]) {
    if (!existsSync(path)) {
      mkdirSync(path, { recursive: true });
      // Whatever the umask: who may not enter cannot ask for the status.
      chmodSync(path, 0o755);
    }
    const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    const { uid, mode } = fstatSync(fd);
    closeSync(fd);
    if (uid !== process.geteuid?.() || mode & 0o022)
      throw new Error(`${path} may be written by others: chown root and chmod 755 it`);
  }
  return runtimeFolder(namespace);
}

/** Held until the process ends, however it ends. `netns`: path of the namespace's file; omitted: the caller's own. */
export function lockRuntime(folder: RuntimeFolder, netns?: string): Lock {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;
  // 0600: whoever can open it for reading could lock it too.
  const fd = openSync(folder.lock, flags, 0o600);
  if (!flock(fd)) {
    const holder = Number.parseInt(readFileSync(fd, 'utf8'), 10);
    closeSync(fd);
    return { held: false, holder: Number.isInteger(holder) ? holder : null, elsewhere: false };
  }
  ftruncateSync(fd);
  writeSync(fd, `${process.pid}\n`, 0);
  return claimNamespace(netns);
}
