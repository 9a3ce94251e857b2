/** The folders of a host's configuration and programs, private to a test: /etc and /usr in a mount namespace. */
import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Netns } from './netns.ts';

/**
 * Overlays of /etc and /usr, whose upper folders are new and belong to the user who runs the test: in a user namespace
 * nobody may write into a folder of the host's root. The process stays until its standard input is closed.
 */
const MOUNT = `
umask 022
mount -t tmpfs -o mode=755 tmpfs "$1"
for folder in etc usr; do
  mkdir -p "$1/$folder/work" "$1/$folder/upper"
done
mkdir -p "$1/etc/upper/multihomed" "$1/usr/upper/lib/multihomed"
for folder in etc usr; do
  mount -t overlay -o "lowerdir=/$folder,upperdir=$1/$folder/upper,workdir=$1/$folder/work" overlay "/$folder"
done
echo mounted
exec cat >/dev/null
`;

export class HostFiles {
  readonly #netns: Netns;
  readonly #holder: ChildProcess;

  private constructor(netns: Netns, holder: ChildProcess) {
    this.#netns = netns;
    this.#holder = holder;
  }

  /** @param folder an empty folder of the test's. @throws with what mount(8) said */
  static async mount(netns: Netns, folder: string): Promise<HostFiles> {
    const holder = spawn('unshare', ['--mount', 'sh', '-euc', MOUNT, 'sh', folder], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let errors = '';
    holder.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
    await new Promise<void>((resolve, reject) => {
      holder.stdout.once('data', () => resolve());
      holder.once('close', () => reject(new Error(`/etc and /usr cannot be mounted: ${errors}`)));
    });
    return new HostFiles(netns, holder);
  }

  /** The file as the host sees it, by a name that works outside of the mount namespace. */
  path(name: string): string {
    return `/proc/${this.#holder.pid}/root${name}`;
  }

  /** Writes a file that root alone may change, and the folders above it. */
  write(name: string, text: string, mode = 0o644): void {
    const path = this.path(name);
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
    writeFileSync(path, text);
    chmodSync(path, mode);
  }

  remove(name: string): void {
    rmSync(this.path(name));
  }

  /** In the network namespace and among these files; the child's pid is the program's. */
  spawn(program: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}): ChildProcess {
    const enter = [`--mount=/proc/${this.#holder.pid}/ns/mnt`, '--wd=/', '--', program];
    return this.#netns.spawn('nsenter', [...enter, ...args], environment);
  }

  async end(): Promise<void> {
    const closed = new Promise((resolve) => this.#holder.once('close', resolve));
    this.#holder.stdin?.end();
    await closed;
  }
}

/** A folder for `HostFiles.mount`. */
export function emptyFolder(parent: string, name: string): string {
  const folder = join(parent, name);
  mkdirSync(folder, { mode: 0o755 });
  return folder;
}
