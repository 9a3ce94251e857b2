/**
 * Builds what the virtual machine boots: an initramfs that mounts the disk, and the disk with the tree and its
 * programs.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, delimiter, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { install } from '../support/install.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const project = join(here, '../..');
/** Debian's own paths first, because a program in a home directory may be a script that runs another. */
const PATH = ['/usr/sbin', '/usr/bin', '/sbin', '/bin', ...(process.env.PATH ?? '').split(delimiter)];
const PROGRAMS = ['ip', 'ss', 'tc', 'unshare', 'nsenter', 'setpriv', 'mount', 'umount', 'sh', 'python3'];
/** Modules for the disk, each after the ones that it needs; built-in ones have no file. */
const VIRTIO = 'virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_blk'.split(
  ' ',
);

/** Links into /usr, as in Debian. */
const MERGED = ['bin', 'sbin', 'lib', 'lib64'];

/**
 * @param {string} root the folder to fill
 * @param {string[]} paths of programs or libraries, copied to the same paths with the libraries that they need
 * @param {string} [libraries] another folder of libraries
 */
function put(root, paths, libraries) {
  const env = libraries === undefined ? process.env : { ...process.env, LD_LIBRARY_PATH: libraries };
  for (const path of new Set([...paths, ...linked(paths, env)])) {
    if (libraries !== undefined && path.startsWith(libraries)) continue;
    mkdirSync(join(root, dirname(path)), { recursive: true });
    cpSync(path, join(root, path), { dereference: true });
  }
}

/** @returns {string[]} the libraries with which these are linked */
function linked(paths, env = process.env) {
  const { stdout } = spawnSync('ldd', paths, { encoding: 'utf8', env });
  return [...stdout.matchAll(/(?:^|\s)(\/[^\s:()]+)(?= \(0x)/gm)].map(([, path]) => path ?? '');
}

/** @returns {string} the path of a program on this machine */
function find(program) {
  const found = PATH.map((folder) => join(folder, program)).find((path) => existsSync(path));
  if (found === undefined) throw new Error(`${program} is not on this machine, but the tests run it`);
  return found;
}

/** Libraries of the tree's own addons; they run `ldd` to detect the C library. */
function putLibraries(root) {
  const addons = readdirSync(join(project, 'node_modules'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.node'))
    .map((path) => join(project, 'node_modules', path));
  put(root, [find('ldd')]);
  put(root, linked(addons));
}

/** Links for small programs that would be missing otherwise. */
function putBusybox(root, busybox) {
  cpSync(busybox, join(root, 'bin/busybox'));
  const all = execFileSync(busybox, ['--list'], { encoding: 'utf8' }).trim().split('\n');
  for (const name of all) {
    if (['bin', 'sbin'].some((folder) => existsSync(join(root, folder, name)))) continue;
    symlinkSync('/bin/busybox', join(root, 'bin', name));
  }
}

/**
 * @param {{ kernel: string, busybox: string, kmod: string, libkmod: string }} packages the folders in which they are
 * unpacked
 * @param {string} work a folder for this run
 * @param {string[]} args of test/run.mjs
 * @returns {{ linux: string, initrd: string, disk: string }}
 */
export function build(packages, work, args) {
  const [release = ''] = readdirSync(join(packages.kernel, 'lib/modules'));
  const busybox = join(packages.busybox, 'bin/busybox');
  return {
    linux: join(packages.kernel, 'boot', `vmlinuz-${release}`),
    initrd: initramfs(join(packages.kernel, 'lib/modules', release), busybox, work),
    disk: filesystem({ ...packages, busybox, release }, work, args),
  };
}

function initramfs(modules, busybox, work) {
  const root = join(work, 'initramfs');
  for (const folder of ['bin', 'dev', 'mnt', 'modules']) mkdirSync(join(root, folder), { recursive: true });
  putBusybox(root, busybox);
  const all = readdirSync(join(modules, 'kernel/drivers'), { recursive: true, encoding: 'utf8' });
  for (const [at, name] of VIRTIO.entries()) {
    const file = all.find((each) => basename(each).replace(/\.xz$/, '') === `${name}.ko`);
    if (file === undefined) continue;
    const copy = join(root, 'modules', `${at}-${basename(file)}`);
    cpSync(join(modules, 'kernel/drivers', file), copy);
    if (copy.endsWith('.xz')) execFileSync('xz', ['-d', copy]);
  }
  cpSync(join(here, 'initramfs.sh'), join(root, 'init'));
  chmodSync(join(root, 'init'), 0o755);
  const archive = join(work, 'initramfs.cpio');
  execFileSync('sh', ['-c', `find . | "$1" cpio -o -H newc >"$2"`, 'sh', busybox, archive], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'ignore'],
  });
  return archive;
}

function filesystem({ kernel, busybox, kmod, libkmod, release }, work, args) {
  const root = join(work, 'root');
  for (const folder of MERGED) {
    mkdirSync(join(root, 'usr', folder), { recursive: true });
    symlinkSync(`usr/${folder}`, join(root, folder));
  }
  for (const folder of ['dev', 'proc', 'sys', 'run', 'tmp', 'mnt', 'root', 'etc', 'tree', 'usr/share'])
    mkdirSync(join(root, folder), { recursive: true });
  const libraries = join(libkmod, dirname(library(libkmod)));
  put(root, [...PROGRAMS.map(find), realpathSync(process.execPath)]);
  putLibraries(root);
  put(root, [join(kmod, 'bin/kmod')], libraries);
  rmSync(join(root, kmod), { recursive: true, force: true });
  cpSync(join(kmod, 'bin/kmod'), join(root, 'bin/kmod'));
  cpSync(realpathSync(join(libkmod, library(libkmod))), join(root, library(libkmod)));
  for (const name of ['modprobe', 'depmod']) symlinkSync('/bin/kmod', join(root, 'sbin', name));
  const node = join(root, 'bin/node');
  if (!existsSync(node)) symlinkSync(realpathSync(process.execPath), node);
  putBusybox(root, busybox);
  putPython(root);
  // The files in which `ip` looks up names.
  for (const path of ['/etc/iproute2', '/usr/share/iproute2', '/usr/lib/iproute2', '/etc/protocols'])
    if (existsSync(path)) cpSync(path, join(root, path), { recursive: true, dereference: true });
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n');
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\nnogroup:x:65534:\n');

  cpSync(join(kernel, 'lib/modules'), join(root, 'lib/modules'), { recursive: true });
  const { status, stderr } = spawnSync(join(kmod, 'bin/kmod'), ['-b', root, release], {
    argv0: 'depmod',
    env: { LD_LIBRARY_PATH: libraries },
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`depmod: ${stderr}`);

  // The guest has no npm.
  const installed = relative(project, install(project, work));
  const entries = readdirSync(project).filter((name) => !['.git', 'coverage', 'bench'].includes(name));
  execFileSync('cp', ['-a', ...entries, join(root, 'tree')], { cwd: project });
  cpSync(join(here, 'guest.sh'), join(root, 'guest'));
  chmodSync(join(root, 'guest'), 0o755);
  const quoted = args.map((each) => `'${each.replaceAll("'", "'\\''")}'`).join(' ');
  const as = process.env.MULTIHOMED_TEST_AS;
  const only = as === undefined ? '' : `MULTIHOMED_TEST_AS=${as} `;
  const copy = `MULTIHOMED_TEST_INSTALLED='/tree/${installed}' `;
  writeFileSync(join(root, 'tests'), `${only}${copy}exec node test/run.mjs ${quoted}\n`);

  const image = join(work, 'disk.ext4');
  const make = ['mke2fs', '-q', '-t', 'ext4', '-O', '^has_journal', '-d', root, image, '2G'];
  // All files on the disk belong to root.
  const asRoot = process.geteuid?.() === 0 ? [] : ['unshare', '--map-root-user', '--'];
  const [program = '', ...rest] = [...asRoot, ...make];
  execFileSync(program, rest, { env: { ...process.env, PATH: PATH.join(delimiter) } });
  rmSync(root, { recursive: true });
  return image;
}

/** @returns {string} the path of the only library in that package */
function library(folder) {
  const found = readdirSync(join(folder), { recursive: true, encoding: 'utf8' }).find((path) =>
    path.endsWith('/libkmod.so.2'),
  );
  if (found === undefined) throw new Error(`no libkmod.so.2 in ${folder}`);
  return found;
}

/**
 * Copies the standard library without parts for developers; with compiled files, whose validity depends on their times.
 */
function putPython(root) {
  const real = basename(realpathSync(find('python3')));
  cpSync(join('/usr/lib', real), join(root, 'usr/lib', real), {
    recursive: true,
    preserveTimestamps: true,
    filter: (path) => !/\/(test|idlelib|ensurepip|lib2to3|tkinter|config-3[^/]*)$/.test(path),
  });
}
