/** Installs the project as a user does: `npm pack`, then `npm install --global` of that archive. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { join } from 'node:path';

const PACKAGE = 'lib/node_modules/multihomed';

/**
 * Returns the prefix of the installed copy, which is kept in node_modules/. It is reused while the archive is the same,
 * byte for byte; an archive contains no timestamps. If only files have changed that npm and the compiler do not read,
 * the copy's files are replaced by the archive's and compiled again. Otherwise npm installs it and compiles the addon.
 *
 * @param project the folder with package.json, built
 * @param scratch a folder that is removed after the tests
 * @throws Error with the output of the program that failed
 */
export function install(project, scratch) {
  const archive = pack(project, scratch);
  const base = hash(['package.json', ...nativeSources(project)].map((name) => join(project, name)));
  const name = `${base}-${hash([archive])}`;
  const kept = join(project, 'node_modules/.cache/multihomed-installed');
  if (existsSync(join(kept, name))) return join(kept, name);
  const parent = isWritable(join(project, 'node_modules')) ? kept : join(scratch, 'installed');
  mkdirSync(parent, { recursive: true });
  const earlier = readdirSync(parent);
  const made = mkdtempSync(join(parent, 'new-'));
  const alike = earlier.find((each) => each.startsWith(base));
  if (alike === undefined)
    run('npm', ['install', '--global', '--prefix', made, '--prefer-offline', ...QUIET, archive]);
  else {
    replaceFiles(join(parent, alike), made, archive);
    run(process.execPath, [join(made, PACKAGE, 'bundle/code-cache.mjs')]);
  }
  // The tests also run as an ordinary user.
  run('chmod', ['-R', 'go+rX', made]);
  // The rename makes the copy appear only when it is complete.
  renameSync(made, join(parent, name));
  for (const each of earlier) rmSync(join(parent, each), { recursive: true, force: true });
  return join(parent, name);
}

const QUIET = ['--no-audit', '--no-fund'];

/** @returns the path of the archive */
function pack(project, scratch) {
  const to = join(scratch, 'packed');
  mkdirSync(to);
  run('npm', ['pack', '--ignore-scripts', '--pack-destination', to, project]);
  return join(to, readdirSync(to)[0]);
}

/**
 * Copies an installed prefix and replaces its files by those of another archive; the packages and the addon are kept.
 */
function replaceFiles(from, to, archive) {
  run('cp', ['-a', '--reflink=auto', `${from}/.`, to]);
  const folder = join(to, PACKAGE);
  const native = join(folder, 'native');
  for (const [parent, stays] of [
    [folder, ['node_modules', 'native']],
    [native, ['build']],
  ])
    for (const each of readdirSync(parent).filter((entry) => !stays.includes(entry)))
      rmSync(join(parent, each), { recursive: true });
  run('tar', ['-xzf', archive, '--strip-components=1', '--no-same-owner', '-C', folder]);
}

function nativeSources(project) {
  const names = readdirSync(join(project, 'native')).sort();
  return names.filter((name) => /\.(cc|h|gyp|mjs)$/.test(name)).map((name) => join('native', name));
}

function hash(files) {
  const sum = createHash('sha256').update(`${process.versions.node} ${process.arch}`);
  for (const file of files) sum.update(readFileSync(file));
  return sum.digest('hex').slice(0, 16);
}

function run(program, args) {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (status === 0) return;
  const why = error?.message ?? `exit status ${status}`;
  throw new Error(`${program} ${args.join(' ')}: ${why}\n${stdout ?? ''}${stderr ?? ''}`);
}

function isWritable(folder) {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
