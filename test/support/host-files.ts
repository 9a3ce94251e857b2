/** The files of a host on which multihomed is installed, private to a test: /etc and /usr in a mount namespace. */
import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { finished, type Finished } from './daemon.ts';
import { PACKAGE } from './installed.ts';
import { test as inLab } from './lab.ts';
import type { Netns } from './netns.ts';

/**
 * Mounts overlays of /etc and /usr. Their upper folders are new and belong to the user who runs the test, because in
 * a user namespace no process can write into a folder of the host's root. The process stays until its standard input
 * closes.
 */
const MOUNT = `
umask 022
mount -t tmpfs -o mode=755 tmpfs "$1"
for folder in etc usr; do
  mkdir -p "$1/$folder/work" "$1/$folder/upper"
done
etc=$1/etc/upper usr=$1/usr/upper
mkdir -p "$etc/multihomed" "$etc/iproute2/rt_protos.d" "$etc/bash_completion.d" "$etc/systemd/system" "$usr/bin" "$usr/share" \\
  "$usr/lib/multihomed" "$usr/lib/node_modules/multihomed" "$usr/local/share/zsh/site-functions"
ln -s ../lib/node_modules/multihomed/dist/main.js "$usr/bin/multihomed"
[ "$3" = /usr/bin/node ] || ln -s "$3" "$usr/bin/node"
for folder in etc usr; do
  mount -t overlay -o "lowerdir=/$folder,upperdir=$1/$folder/upper,workdir=$1/$folder/work" overlay "/$folder"
done
mount --bind "$2" /usr/lib/node_modules/multihomed
echo mounted
exec cat >/dev/null
`;

/** Root's home, in a folder that is also writable in a user namespace. */
export const HOME = '/usr/share/root';

/** Root's environment after a login; nothing is inherited from the test. */
const ENVIRONMENT = ['PATH=/usr/sbin:/usr/bin:/sbin:/bin', `HOME=${HOME}`, 'LANG=C.UTF-8', 'NO_COLOR=1'];

export class HostFiles {
  readonly #netns: Netns;
  readonly #holder: ChildProcess;

  private constructor(netns: Netns, holder: ChildProcess) {
    this.#netns = netns;
    this.#holder = holder;
  }

  /** @param parent a folder of the test @throws with the error output of mount(8) */
  static async mount(netns: Netns, parent: string): Promise<HostFiles> {
    const args = [mkdtempSync(join(parent, 'files-')), PACKAGE, process.execPath];
    const holder = spawn('unshare', ['--mount', 'sh', '-euc', MOUNT, 'sh', ...args], {
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

  /** Returns the path at which processes outside of the mount namespace find the host's file. */
  path(name: string): string {
    return `/proc/${this.#holder.pid}/root${name}`;
  }

  /** Writes a file that only root can change, and creates the folders above it. */
  write(name: string, text: string, mode = 0o644): void {
    const path = this.path(name);
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
    writeFileSync(path, text);
    chmodSync(path, mode);
  }

  read(name: string): string {
    return readFileSync(this.path(name), 'utf8');
  }

  has(name: string): boolean {
    return existsSync(this.path(name));
  }

  remove(name: string): void {
    rmSync(this.path(name));
  }

  /** Starts a program in the network and mount namespaces, in `folder`. The child's pid is that of the program. */
  spawn(program: string, args: readonly string[], folder = '/'): ChildProcess {
    const enter = [`--mount=/proc/${this.#holder.pid}/ns/mnt`, `--wdns=${folder}`, '--'];
    return this.#netns.spawn('nsenter', [...enter, 'env', '-i', ...ENVIRONMENT, program, ...args]);
  }

  /** Runs the installed command until it exits. */
  multihomed(...args: string[]): Promise<Finished> {
    return finished(this.spawn('multihomed', args));
  }

  /**
   * Runs a script as an administrator types it. --norc, because Debian's bash reads bashrc when its input is a
   * socket.
   */
  shell(text: string, folder = '/'): Promise<Finished> {
    return finished(this.spawn('bash', ['--norc', '-euc', text], folder));
  }

  async end(): Promise<void> {
    const closed = new Promise((resolve) => this.#holder.once('close', resolve));
    this.#holder.stdin?.end();
    await closed;
  }
}

/** A lab whose host has the installed command and configuration at their real paths. */
export const test = inLab.extend<{ files: HostFiles }>({
  files: async ({ lab }, use) => {
    const files = await HostFiles.mount(lab.host, lab.folder);
    try {
      await use(files);
    } finally {
      await files.end();
    }
  },
});
