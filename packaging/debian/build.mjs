/**
 * Makes the Debian package: node packaging/debian/build.mjs [--arch x64|arm64] [--to FOLDER], after `npm ci` or
 * `npm run build`. Needs dpkg-deb, gzip and strip; for another architecture also its cross compiler (Debian:
 * g++-aarch64-linux-gnu).
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ARCHITECTURES, buildAddon } from '../addon.mjs';
import { licences } from '../licences.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const project = fileURLToPath(new URL('../..', import.meta.url));
const scratch = join(project, 'packaging/build');

const { values } = parseArgs({
  options: { arch: { type: 'string', default: process.arch }, to: { type: 'string', default: scratch } },
});
const architecture = ARCHITECTURES[values.arch]?.debian;
if (architecture === undefined) {
  console.error(`--arch is one of ${Object.keys(ARCHITECTURES).join(', ')}`);
  process.exit(64);
}

const manifest = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'));
const version = `${manifest.version}-1`;
/** Modification time of all files, in seconds since the epoch, so that the same sources make the same package. */
const epoch = Number(process.env.SOURCE_DATE_EPOCH ?? git('log', '-1', '--format=%ct') ?? 0);

mkdirSync(scratch, { recursive: true });
const root = mkdtempSync(join(scratch, 'root-'));
try {
  process.umask(0o022);
  chmodSync(root, 0o755);
  program();
  shared();
  settings();
  documents();
  control();
  execFileSync('find', [root, '-exec', 'touch', '-h', '-d', `@${epoch}`, '{}', '+']);
  mkdirSync(values.to, { recursive: true });
  const file = join(values.to, `multihomed_${version}_${architecture}.deb`);
  const compression = ['-Zxz', '--root-owner-group'];
  execFileSync('dpkg-deb', ['--build', ...compression, root, file], {
    env: { ...process.env, SOURCE_DATE_EPOCH: String(epoch) },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  console.log(file);
} finally {
  rmSync(root, { recursive: true, force: true });
}

/** The command and its addon, apart from /usr/lib/multihomed, which `multihomed demo` hides from its daemon. */
function program() {
  const to = 'usr/libexec/multihomed';
  install('package.json', to);
  for (const name of filesOf('rules', /\.yaml$/)) install(name, `${to}/rules`);
  for (const name of filesOf('dist', /^(main\.js|package\.json)$/)) install(name, `${to}/dist`);
  install('dist/parts', `${to}/dist/parts`);
  install('bundle/code-cache.mjs', `${to}/bundle`);
  // Debian's Node, not the one that is first in an administrator's PATH.
  const main = inRoot(`${to}/dist/main.js`);
  write(`${to}/dist/main.js`, readFileSync(main, 'utf8').replace(/^#!.*\n/, '#!/usr/bin/node\n'), 0o755);
  buildAddon(
    values.arch,
    scratch,
    inRoot(`${to}/native/prebuilds/linux-${values.arch}/multihomed.glibc.napi.node`),
  );
  for (const name of ['package.json', 'index.js', 'node-gyp-build.js'])
    install(`node_modules/node-gyp-build/${name}`, `${to}/node_modules/node-gyp-build`);
  mkdirSync(inRoot('usr/bin'), { recursive: true });
  symlinkSync('../libexec/multihomed/dist/main.js', inRoot('usr/bin/multihomed'));
}

/** Rules, hooks, units, and files that other programs read. */
function shared() {
  for (const name of filesOf('rules', /\.yaml$/)) install(name, 'usr/lib/multihomed/rules.d');
  for (const name of filesOf('hooks', /^\d/)) install(name, 'usr/lib/multihomed/hooks.d', 0o755);
  for (const name of filesOf('systemd', /\.(service|socket)$/)) install(name, 'usr/lib/systemd/system');
  write(
    'usr/lib/sysusers.d/multihomed.conf',
    readFileSync(join(project, 'systemd/multihomed.sysusers.conf')),
  );
  install('packaging/NetworkManager/zz-multihomed.conf', 'usr/lib/NetworkManager/conf.d');
  install('docs/multihomed.schema.json', 'usr/share/multihomed');
  for (const [shell, file] of [
    ['bash', 'usr/share/bash-completion/completions/multihomed'],
    ['zsh', 'usr/share/zsh/vendor-completions/_multihomed'],
    ['fish', 'usr/share/fish/vendor_completions.d/multihomed.fish'],
  ])
    write(file, execFileSync(process.execPath, [join(project, 'dist/main.js'), 'completion', shell]));
}

/** Files and folders in /etc, which an administrator may change. */
function settings() {
  for (const folder of ['rules.d', 'hooks.d'])
    mkdirSync(inRoot(`etc/multihomed/${folder}`), { recursive: true });
  const protocols = 'etc/iproute2/rt_protos.d/multihomed.conf';
  write(protocols, readFileSync(join(project, 'systemd/multihomed.rt_protos.conf')));
  write('DEBIAN/conffiles', `/${protocols}\n`);
}

function documents() {
  for (const page of manifest.man) {
    const section = page.at(-1);
    write(`usr/share/man/man${section}/${basename(page)}.gz`, compressed(readFileSync(join(project, page))));
  }
  const doc = 'usr/share/doc/multihomed';
  for (const name of ['README.md', 'SECURITY.md', 'docs/control.md', 'docs/neighbours.md', 'docs/json.md'])
    install(name, doc);
  install('docs/json', `${doc}/json`);
  install('rules/examples', `${doc}/examples`);
  write(`${doc}/copyright`, licences(project));
  write(`${doc}/changelog.gz`, compressed(readFileSync(join(project, 'CHANGELOG.md'))));
  write(`${doc}/changelog.Debian.gz`, compressed(debianChangelog()));
}

function debianChangelog() {
  const date = new Date(epoch * 1000).toUTCString().replace('GMT', '+0000');
  const { 1: maintainer } = /^Maintainer: (.*)$/m.exec(readFileSync(join(here, 'control'), 'utf8'));
  return `multihomed (${version}) unstable; urgency=medium\n\n  * See changelog.gz.\n\n -- ${maintainer}  ${date}\n`;
}

function control() {
  const [size] = execFileSync('du', ['--apparent-size', '-sk', root], { encoding: 'utf8' }).split('\t');
  const text = readFileSync(join(here, 'control'), 'utf8')
    .replace('@version@', version)
    .replace('@architecture@', architecture)
    .replace('@size@', size);
  write('DEBIAN/control', text);
  write('DEBIAN/triggers', readFileSync(join(here, 'triggers')));
  for (const script of ['postinst', 'prerm', 'postrm'])
    write(`DEBIAN/${script}`, readFileSync(join(here, script)), 0o755);
  write('usr/share/lintian/overrides/multihomed', readFileSync(join(here, 'lintian-overrides')));
  const sums = 'find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum';
  write('DEBIAN/md5sums', execFileSync('sh', ['-c', sums], { cwd: root }));
}

function inRoot(path) {
  return join(root, path);
}

/** Writes a file of the package. */
function write(path, content, mode = 0o644) {
  mkdirSync(dirname(inRoot(path)), { recursive: true });
  writeFileSync(inRoot(path), content);
  chmodSync(inRoot(path), mode);
}

/** Copies a file or a folder of the project; `folder` is the destination of the file, or of the folder's content. */
function install(name, folder, mode = 0o644) {
  const source = join(project, name);
  if (statSync(source).isFile()) {
    write(join(folder, basename(name)), readFileSync(source), mode);
    return;
  }
  for (const each of filesOf(name, /./)) install(each, folder, mode);
  for (const each of readdirSync(source, { withFileTypes: true }))
    if (each.isDirectory()) install(join(name, each.name), join(folder, each.name), mode);
}

/** @returns the files of a folder of the project whose names match */
function filesOf(name, pattern) {
  return readdirSync(join(project, name), { withFileTypes: true })
    .filter((entry) => entry.isFile() && pattern.test(entry.name))
    .map((entry) => join(name, entry.name));
}

function compressed(content) {
  return execFileSync('gzip', ['-9nc'], { input: content, maxBuffer: 1 << 24 });
}

function git(...args) {
  try {
    return execFileSync('git', args, {
      cwd: project,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return undefined;
  }
}
