/** A private copy of this host's files in which packages are installed and removed, in the network of a lab's host. */
import { spawn, type ChildProcess } from 'node:child_process';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test as inLab } from '../support/lab.ts';
import { finished, type Finished } from '../support/daemon.ts';
import type { Netns } from '../support/netns.ts';

/** An overlay of all files; only what was changed is in the folder upper/. No service manager runs in it. */
const MOUNT = `
umask 022
mount -t tmpfs -o mode=755 tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" overlay "$1/root"
mount -t proc proc "$1/root/proc"
mount --rbind /sys "$1/root/sys"
mount --rbind /dev "$1/root/dev"
mount -t tmpfs -o mode=755 tmpfs "$1/root/run"
mount -t tmpfs -o mode=1777 tmpfs "$1/root/tmp"
echo mounted
exec cat >/dev/null
`;

const ENVIRONMENT = [
  'PATH=/usr/sbin:/usr/bin:/sbin:/bin',
  'HOME=/root',
  'LANG=C.UTF-8',
  'DEBIAN_FRONTEND=noninteractive',
];

export class PrivateRoot {
  readonly #netns: Netns;
  readonly #holder: ChildProcess;
  readonly #folder: string;

  private constructor(netns: Netns, holder: ChildProcess, folder: string) {
    [this.#netns, this.#holder, this.#folder] = [netns, holder, folder];
  }

  /** @param parent a folder of the test @throws with the error output of mount(8) */
  static async mount(netns: Netns, parent: string): Promise<PrivateRoot> {
    const folder = mkdtempSync(join(parent, 'root-'));
    const holder = spawn('unshare', ['--mount', 'sh', '-euc', MOUNT, 'sh', folder], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let errors = '';
    holder.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
    await new Promise<void>((resolve, reject) => {
      holder.stdout.once('data', () => resolve());
      holder.once('close', () => reject(new Error(`the private root cannot be mounted: ${errors}`)));
    });
    return new PrivateRoot(netns, holder, folder);
  }

  /** Copies a file of the test to /tmp in the root. @returns its path there */
  bring(path: string): string {
    const name = `/tmp/${path.split('/').at(-1)}`;
    this.#enter('sh', ['-c', `cat "$1" >"$2/root${name}"`, 'sh', path, this.#folder]);
    return name;
  }

  /** Starts a program in the root. The child's pid is that of the program. */
  spawn(program: string, ...args: string[]): ChildProcess {
    const enter = [`--mount=/proc/${this.#holder.pid}/ns/mnt`, '--', 'chroot', `${this.#folder}/root`];
    return this.#netns.spawn('nsenter', [...enter, 'env', '-i', ...ENVIRONMENT, program, ...args]);
  }

  run(program: string, ...args: string[]): Promise<Finished> {
    return finished(this.spawn(program, ...args));
  }

  /** The files whose names contain the text and that were added or changed, without those in /tmp and /run. */
  changed(text: string): string[] {
    const script = `cd "$1" && find . -path "*$2*" -printf '/%P\\n'`;
    const found = this.#enter('sh', ['-c', script, 'sh', `${this.#folder}/upper`, text]);
    return found.split('\n').filter((line) => line !== '');
  }

  #enter(program: string, args: readonly string[]): string {
    const mount = `--mount=/proc/${this.#holder.pid}/ns/mnt`;
    return execFileSync('nsenter', [mount, '--', program, ...args], { encoding: 'utf8' });
  }

  async end(): Promise<void> {
    const closed = new Promise((resolve) => this.#holder.once('close', resolve));
    this.#holder.stdin?.end();
    await closed;
  }
}

export const test = inLab.extend<{ root: PrivateRoot }>({
  root: async ({ lab, skip }, use) => {
    // dpkg gives files to users and groups that a user namespace does not map.
    if (!readFileSync('/proc/self/uid_map', 'utf8').includes('4294967295')) skip('only root can run dpkg');
    const root = await PrivateRoot.mount(lab.host, lab.folder);
    try {
      await use(root);
    } finally {
      await root.end();
    }
  },
});
