/** Opens files that control a privileged program. The opened file is checked, never its name alone. */
import { closeSync, constants, fstatSync, lstatSync, openSync, readlinkSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { dirname } from 'node:path';
import { getSystemErrorMap } from 'node:util';
import { SERVICE_USER, serviceUser } from './passwd.ts';
import { fileArgument, remedyText, type Command, type Remedy } from './shell-quote.ts';
import { isOwnUser, isRootUser, isUnmapped, unmappedUser } from './user-namespace.ts';

export interface TrustOptions {
  /** The expected kind; default `file`, a regular file. */
  readonly kind?: 'file' | 'folder';
  /**
   * `follow` (default): links are followed, and they and their folders are checked like the rest.
   * `refuse`: no part of the path may be a link.
   */
  readonly links?: 'follow' | 'refuse';
  /** The permitted owner. `user` (default): root, or the user who runs the program. `root`: only root. */
  readonly owner?: 'root' | 'user';
  /** Maximum size in bytes; a larger file is refused. */
  readonly maxBytes?: number;
}

export interface TrustedFile {
  /** The path as the caller gave it. */
  readonly path: string;
  /** Open for reading, close-on-exec; the caller closes it. `/proc/self/fd/N` names this very file. */
  readonly fd: number;
  readonly stats: Stats;
}

export interface Refusal {
  readonly path: string;
  /**
   * A sentence that begins with the folder or file at fault, and ends with the command that fixes it if there is one.
   */
  readonly reason: string;
  /** The command that fixes it; null when no command can. */
  readonly remedy: Command | null;
  /** `missing`: no such file; `masked`: a link to /dev/null; `denied`: no permission; `refused`: all else. */
  readonly code: 'missing' | 'masked' | 'denied' | 'refused';
}

/** Linux's O_PATH, open(2), which Node does not name: the descriptor identifies a file without opening it. */
export const O_PATH = 0o10000000;

/** The kernel's MAXSYMLINKS. */
const MAX_LINKS = 40;

/** /dev/null: character device 1:3. */
const NULL_DEVICE = 0x103;

/**
 * Folders that root owns on every host (hier(7)). Inside a user namespace that does not map the host's root, they
 * seem to belong to the same unknown user as any other file, and without this list no path could be trusted there.
 */
const SYSTEM_FOLDERS: ReadonlySet<string> = new Set([
  '/',
  '/dev',
  '/dev/shm',
  '/etc',
  '/home',
  '/mnt',
  '/opt',
  '/run',
  '/srv',
  '/tmp',
  '/usr',
  '/usr/lib',
  '/usr/local',
  '/var',
  '/var/lib',
  '/var/tmp',
]);

/** Thrown and caught only in this file. */
class RefusedError extends Error {
  readonly code: Refusal['code'];
  readonly remedy: Command | null;

  constructor(reason: string, code: Refusal['code'] = 'refused', remedy: Command | null = null) {
    const command = remedyText(remedy && [remedy]);
    super(command === null ? reason : `${reason}: ${command}`);
    this.code = code;
    this.remedy = remedy;
  }
}

/** Whether `openTrusted` refused the file. */
export function isRefusal(answer: TrustedFile | Refusal): answer is Refusal {
  return 'code' in answer;
}

/**
 * Opens a file or folder for reading if it and every folder above belong to root (or to the user who runs the
 * program) and no other user can write them. A folder above may be writable by others if it is sticky, such as /tmp.
 * Pipes, sockets and devices are refused without being opened. Never throws.
 */
export function openTrusted(path: string, options: TrustOptions = {}): TrustedFile | Refusal {
  let handle: number | null = null;
  let fd: number | null = null;
  try {
    if (path === '' || path.includes('\0'))
      throw new RefusedError('the path is empty or has a NUL byte in it');
    checkPath(path, options);
    // The kind is checked first with O_PATH: opening a pipe could block, and opening a device could trigger an action.
    const follow = options.links === 'refuse' ? constants.O_NOFOLLOW : 0;
    handle = openSync(path, O_PATH | follow);
    const what = fstatSync(handle);
    if (what.isCharacterDevice() && what.rdev === NULL_DEVICE) throw masked(path);
    checkKind(path, what, options);
    // The links of the path may have changed since; the real path comes from the descriptor.
    const real = readlinkSync(`/proc/self/fd/${handle}`);
    if (what.nlink === 0) throw new RefusedError(`${path} was removed while it was opened`, 'missing');
    checkPath(real, options);
    checkOwner(path, what, options);
    checkWriters(path, what);
    fd = openSync(`/proc/self/fd/${handle}`, constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = fstatSync(fd);
    if (options.maxBytes !== undefined && stats.size > options.maxBytes) {
      throw new RefusedError(
        `${path} has ${stats.size} bytes, and ${options.maxBytes} are the most that is read`,
      );
    }
    const file: TrustedFile = { path, fd, stats };
    fd = null;
    return file;
  } catch (error) {
    return refusal(path, error);
  } finally {
    if (handle !== null) closeSync(handle);
    if (fd !== null) closeSync(fd);
  }
}

/** Checks every folder and every link of a path, in the order of the kernel; the caller checks the file itself. */
function checkPath(path: string, options: TrustOptions): void {
  const left = (path.startsWith('/') ? path : `${process.cwd()}/${path}`).split('/').reverse();
  let links = 0;
  let here = '';
  checkFolder('/', options);
  for (let part = left.pop(); part !== undefined; part = left.pop()) {
    if (part === '' || part === '.') continue;
    if (part === '..') {
      here = here.slice(0, Math.max(0, here.lastIndexOf('/')));
      continue;
    }
    const name = `${here}/${part}`;
    const stats = lstat(name, path);
    if (stats.isSymbolicLink()) {
      const target = readlinkSync(name);
      // The name of a descriptor without a file, as of `check <(cat rules.yaml)` (proc(5), /proc/PID/fd).
      const [, kind] = name.startsWith('/proc/') ? (/^(pipe|socket):\[\d+\]$/.exec(target) ?? []) : [];
      if (kind !== undefined) throw new RefusedError(`${path} is a ${kind}, not a regular file`);
      // In a sticky folder any user may create a link to a file of root.
      checkOwner(name, stats, options);
      if (target === '/dev/null' && left.every((rest) => rest === '')) throw masked(path);
      if (options.links === 'refuse') {
        throw new RefusedError(`${name} is a link to ${target}, and links are not followed here`);
      }
      if (++links > MAX_LINKS) throw new RefusedError(`${path} leads through more than ${MAX_LINKS} links`);
      if (target.startsWith('/')) here = '';
      left.push(...target.split('/').reverse());
      continue;
    }
    here = name;
    if (left.some((rest) => rest !== '')) checkFolder(name, options);
  }
}

function lstat(name: string, path: string): Stats {
  const stats = lstatSync(name, { throwIfNoEntry: false });
  if (stats !== undefined) return stats;
  throw new RefusedError(
    name === path || name.endsWith(`/${path}`)
      ? `${path}: no such file`
      : `${path}: no such file (there is no ${name})`,
    'missing',
  );
}

function checkFolder(folder: string, options: TrustOptions): void {
  const stats = lstat(folder, folder);
  if (!stats.isDirectory()) throw new RefusedError(`${folder} is ${kindOf(stats)}, not a folder`);
  checkOwner(folder, stats, options);
  // In a sticky folder, only the owner of a file can rename or remove it (unlink(2)).
  if ((stats.mode & 0o1000) === 0) checkWriters(folder, stats);
}

function checkKind(path: string, stats: Stats, options: TrustOptions): void {
  const folder = options.kind === 'folder';
  if (folder ? stats.isDirectory() : stats.isFile()) return;
  throw new RefusedError(`${path} is ${kindOf(stats)}, not ${folder ? 'a folder' : 'a regular file'}`);
}

function checkOwner(path: string, stats: Stats, options: TrustOptions): void {
  if (isRootUser(stats.uid)) return;
  const self = process.geteuid?.() ?? 0;
  if (options.owner !== 'root' && isOwnUser(stats.uid)) return;
  if (isUnmapped(stats.uid)) {
    if (stats.isDirectory() && SYSTEM_FOLDERS.has(path)) return;
    throw new RefusedError(`${path} belongs to ${unmappedUser(stats.uid)}`);
  }
  const wanted = options.owner !== 'root' && self !== 0 ? `root or to uid ${self}` : 'root';
  const flag = stats.isSymbolicLink() ? ['-h'] : [];
  throw new RefusedError(`${path} belongs to uid ${stats.uid}, not to ${wanted}`, 'refused', {
    argv: ['chown', ...flag, 'root', fileArgument(path)],
  });
}

/** Write access by an ACL appears in the group bits too, because they are its mask. */
function checkWriters(path: string, stats: Stats): void {
  const group = (stats.mode & 0o020) !== 0;
  const others = (stats.mode & 0o002) !== 0;
  if (!group && !others) return;
  const who = [group ? 'its group' : '', others ? 'everyone' : ''].filter(Boolean).join(' and ');
  throw new RefusedError(`${path} is writable by ${who}`, 'refused', {
    argv: ['chmod', `${group ? 'g' : ''}${others ? 'o' : ''}-w`, fileArgument(path)],
  });
}

function kindOf(stats: Stats): string {
  if (stats.isFile()) return 'a file';
  if (stats.isDirectory()) return 'a folder';
  if (stats.isFIFO()) return 'a pipe';
  if (stats.isSocket()) return 'a socket';
  return stats.isSymbolicLink() ? 'a link' : 'a device';
}

function masked(path: string): RefusedError {
  return new RefusedError(`${path} is a link to /dev/null`, 'masked');
}

function refusal(path: string, error: unknown): Refusal {
  if (error instanceof RefusedError)
    return { path, reason: error.message, code: error.code, remedy: error.remedy };
  const { code, errno = 0 } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return { path, reason: `${path}: no such file`, code: 'missing', remedy: null };
  const text = getSystemErrorMap().get(errno)?.[1] ?? String(error);
  const reason = `${path}: cannot be read: ${text}`;
  if (code !== 'EACCES') return { path, reason, code: 'refused', remedy: null };
  const command = remedyText(accessRemedy(path, error as NodeJS.ErrnoException));
  return { path, reason: command === null ? reason : `${reason}: ${command}`, code: 'denied', remedy: null };
}

/** Lets the daemon's user read a file of root; null for any other user. `denied`: of the call that failed. */
function accessRemedy(path: string, { path: denied = path }: NodeJS.ErrnoException): Remedy | null {
  if (process.geteuid?.() !== serviceUser()?.uid) return null;
  // The descriptor was open, so its folders could be searched.
  const closed = denied.startsWith('/proc/self/fd/') ? path : dirname(denied);
  const file = fileArgument(closed);
  return [{ argv: ['chgrp', SERVICE_USER, file] }, { argv: ['chmod', 'g+rX', file] }];
}
