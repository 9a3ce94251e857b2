/** The runtime folder /run/multihomed/NAMESPACE, which only root and the user `multihomed` can write. */
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  writeSync,
  type Stats,
} from 'node:fs';
import { flock } from './addon.ts';
import { claimNamespace, sleep, type Lock } from './claim.ts';
import { SERVICE_USER, serviceUser } from './passwd.ts';
import { NEEDS_ROOT } from './privilege.ts';
import { asRuntimeUser, RUNTIME, runtimeUid } from './runtime-user.ts';
import { isRootUser, isUnmapped, unmappedUser } from './user-namespace.ts';

export interface RuntimeFolder {
  readonly journal: string;
  readonly socket: string;
  readonly lock: string;
}

/** @param namespace SO_NETNS_COOKIE in decimal */
export function runtimeFolder(namespace: string): RuntimeFolder {
  const folder = `${RUNTIME}/${namespace}`;
  return { journal: `${folder}/journal.json`, socket: `${folder}/control`, lock: `${folder}/lock` };
}

/** The folder cannot be created, or other users can write it. The message says what the user can do. */
export class RuntimeFolderError extends Error {
  override readonly name = 'RuntimeFolderError';
  /** `permission`: another user, such as root, could succeed. */
  readonly code: 'permission' | 'unusable';

  constructor(message: string, code: RuntimeFolderError['code'], cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/** Creates the folder if it is missing. @throws RuntimeFolderError also when other users can write it */
export function makeRuntimeFolder(namespace: string): RuntimeFolder {
  for (const path of [RUNTIME, `${RUNTIME}/${namespace}`]) {
    const { uid, mode } = tried(path, () => asRuntimeUser(() => madeFolder(path)));
    if (isRootUser(uid) && process.geteuid?.() !== 0)
      throw new RuntimeFolderError(`${NEEDS_ROOT}: ${path} is root's${folderAdvice()}`, 'permission');
    if (isUnmapped(uid))
      throw new RuntimeFolderError(`${path} belongs to ${unmappedUser(uid)}`, 'permission');
    const owner = runtimeUid();
    if (uid !== owner || mode & 0o022)
      throw new RuntimeFolderError(
        `${path} may be written by others: chown ${owner || 'root'} and chmod 755 it`,
        'permission',
      );
  }
  return runtimeFolder(namespace);
}

function madeFolder(path: string): Stats {
  if (!existsSync(path)) {
    mkdirSync(path, { recursive: true });
    // Set regardless of the umask, because users must be able to enter the folder to ask for the status.
    chmodSync(path, 0o755);
    if (path === RUNTIME) giveToService(path);
  }
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  const status = fstatSync(fd);
  closeSync(fd);
  return status;
}

/** Root makes the folder as systemd does, so that a daemon of that user can write to it at any time. */
function giveToService(path: string): void {
  const user = process.geteuid?.() === 0 ? serviceUser() : null;
  if (user === null) return;
  try {
    chownSync(path, user.uid, user.gid);
  } catch {
    // Root without CAP_CHOWN, or of a user namespace without this user: the folder stays root's.
  }
}

/** The end of a message for the daemon's own user, who cannot make the folder; empty for any other. */
function folderAdvice(): string {
  if (process.geteuid?.() !== serviceUser()?.uid) return '';
  return `; to make it, as root: install -d -o ${SERVICE_USER} -g ${SERVICE_USER} ${RUNTIME}`;
}

function tried<Result>(path: string, attempt: () => Result): Result {
  try {
    return attempt();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EACCES' || code === 'EPERM')
      throw new RuntimeFolderError(`${NEEDS_ROOT}: ${message}${folderAdvice()}`, 'permission', error);
    const advice = code === 'ENOSPC' ? `there is no room in /run` : `what is there is in the way; remove it`;
    throw new RuntimeFolderError(`${path} cannot be used: ${advice} (${message})`, 'unusable', error);
  }
}

/**
 * Locks the folder and claims the namespace until the process ends, however it ends.
 * @param netns path of the namespace's file; omitted: the caller's namespace
 * @throws RuntimeFolderError
 */
export function lockRuntime(folder: RuntimeFolder, netns?: string): RuntimeLock {
  const file = lockFile(folder);
  if (!('fd' in file)) return { held: false, holder: file.holder, elsewhere: false };
  const claim = claimNamespace(netns);
  return claim.held ? { held: true, fd: file.fd } : claim;
}

/** `fd` is the descriptor of the locked file. */
export type RuntimeLock = { readonly held: true; readonly fd: number } | Extract<Lock, { held: false }>;

/** Number of tries: from fork(2) to execve(2) a hook's process holds the lock of its daemon, which may be gone. */
const LOCK_TRIES = 50;
const LOCK_PAUSE_MS = 20;

function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

/** Locks the folder without claiming the namespace. @throws RuntimeFolderError */
export function lockFile(folder: RuntimeFolder): { fd: number } | { holder: number | null } {
  for (let tries = LOCK_TRIES; ; tries--) {
    const fd = tried(folder.lock, () => asRuntimeUser(() => openLock(folder.lock)));
    if (!flock(fd)) {
      const holder = readPid(fd);
      closeSync(fd);
      if (tries > 0 && isGone(holder)) {
        sleep(LOCK_PAUSE_MS);
        continue;
      }
      return { holder: Number.isInteger(holder) ? holder : null };
    }
    if (!isFile(fd, folder.lock)) {
      // The file was removed before it was locked, so the lock would not exclude another daemon.
      closeSync(fd);
      continue;
    }
    try {
      ftruncateSync(fd);
      writeSync(fd, `${process.pid}\n`, 0);
    } catch {
      // /run is full. The lock is valid; only the pid of its holder cannot be read.
    }
    return { fd };
  }
}

/** @throws the error of node:fs, also for anything but a regular file */
function openLock(path: string): number {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  // 0600, because a user who can open the file for reading could lock it too.
  const fd = openSync(path, flags, 0o600);
  if (fstatSync(fd).isFile()) return fd;
  closeSync(fd);
  throw new Error('not a regular file');
}

/** The number at the beginning of the file; NaN: none. */
function readPid(fd: number): number {
  const text = Buffer.alloc(16);
  return Number.parseInt(text.toString('latin1', 0, readSync(fd, text, 0, text.length, 0)), 10);
}

/** Whether the descriptor is that of the file that has this name now. */
export function isFile(fd: number, path: string): boolean {
  const [open, named] = [fstatSync(fd), lstatSync(path, { throwIfNoEntry: false })];
  return named !== undefined && open.ino === named.ino && open.dev === named.dev;
}
