/**
 * Runs the tests in network, mount and process namespaces of their own, so that nothing of the host is seen or changed.
 * If run by root, tests that depend on the user run once more as an ordinary user in a user namespace. Commands and
 * daemons are those of a copy that npm installs first. Arguments are passed to vitest.
 *
 * MULTIHOMED_TEST_AS=root|nobody runs only one of the two. MULTIHOMED_TEST_SUMMARY=FILE also writes the last line
 * there. MULTIHOMED_TEST_INSTALLED=PREFIX: the copy, instead of installing one. MULTIHOMED_SEED=N sets the seed of
 * random tests; by default each run uses a new one and prints it at its end.
 * CI=true: a skipped test is a failure.
 */
import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { install } from './support/install.mjs';
import { summary } from './support/summary.mjs';

const NOBODY = 65534;
const seed = process.env.MULTIHOMED_SEED ?? String(randomInt(1, 2 ** 31));
const project = fileURLToPath(new URL('..', import.meta.url));
const [, , ...given] = process.argv;
const root = process.geteuid() === 0;
const ci = process.env.CI === 'true';
const as = process.env.MULTIHOMED_TEST_AS;
if (as !== undefined && !(root && ['root', 'nobody'].includes(as))) {
  console.error('MULTIHOMED_TEST_AS is root or nobody, and only root can choose');
  process.exit(2);
}
const results = mkdtempSync(join(tmpdir(), 'multihomed-results-'));
// Debian's own programs before those in a home directory, which another user could not run.
const PATH = ['/usr/sbin', '/usr/bin', '/sbin', '/bin', process.env.PATH].join(':');

const namespaces = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
const asRoot = ['unshare', ...namespaces, '--'];
const asUser = ['unshare', '--user', '--map-root-user', ...namespaces, '--'];
// Another user may have no permission for the folder above the tree, so it is mounted where everybody has access.
const MOUNT = '/mnt';
const become = `setpriv --reuid=${NOBODY} --regid=${NOBODY} --clear-groups`;
const asNobody = [
  ...['unshare', '--mount', '--', 'sh', '-euc'],
  `mount -t tmpfs -o mode=755 tmpfs ${MOUNT}
  mkdir ${MOUNT}/tree
  touch ${MOUNT}/node
  # udev lets every user open it, as links of tests need; where nothing has set its mode, it is so here alone.
  if [ -e /dev/net/tun ]; then
    mknod --mode=666 ${MOUNT}/tun c 10 200
    mount --bind ${MOUNT}/tun /dev/net/tun
  fi
  mount --bind "$1" ${MOUNT}/tree
  mount --bind "$2" ${MOUNT}/node
  cd ${MOUNT}/tree
  shift 2
  exec ${become} unshare --user --map-root-user ${namespaces.join(' ')} -- "$@"`,
  ...['sh', project, process.execPath],
];
// The shell stays as the first process of its namespace and reaps orphaned processes.
const prepare = `mount -t tmpfs -o mode=755 tmpfs /run && mkdir /run/netns && ip link set lo up && "$@"; exit $?`;

/** @returns why these namespaces cannot be created, or null */
function forbidden(world) {
  const { status, stderr, error } = spawnSync(
    world[0],
    [...world.slice(1), 'sh', '-c', prepare, 'sh', 'true'],
    {
      encoding: 'utf8',
      env: { ...process.env, PATH },
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  return status === 0 ? null : (error?.message ?? (stderr.trim() || `exit status ${status}`));
}

/**
 * Runs vitest; `world`: the command that runs its command line.
 * @returns the file with its results
 */
function run(name, world, { where = project, node = process.execPath, args }) {
  const folder = join(results, name);
  mkdirSync(folder);
  if (name === 'user') chownSync(folder, NOBODY, NOBODY);
  const file = join(folder, 'results.json');
  const vitest = [join(where, 'node_modules/vitest/vitest.mjs'), 'run', '--configLoader', 'runner', ...args];
  const shown = given.some((each) => each.startsWith('--reporter')) ? [] : ['--reporter=default'];
  const reporters = [...shown, '--reporter=json', `--outputFile.json=${file}`];
  const inside = world.length > 0 ? [...world, 'sh', '-c', prepare, 'sh'] : [];
  const [program, ...rest] = [...inside, node, ...vitest, ...reporters];
  const { status, signal } = spawnSync(program, rest, {
    cwd: project,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: {
      ...process.env,
      PATH,
      MULTIHOMED_DRAWN_SEED: seed,
      MULTIHOMED_TEST_CACHE: folder,
      MULTIHOMED_TEST_INSTALLED: seenIn(where),
      ...(world.length > 0 ? { MULTIHOMED_TEST_NETNS: '1' } : {}),
    },
  });
  if (status !== 0) failed.push(`${name}: vitest ended with ${signal ?? `status ${status}`}`);
  return { name, file };
}

let installed = '';
/** The folder of the installed copy if the tree is mounted at `where`. */
function seenIn(where) {
  return installed.startsWith(project) ? join(where, relative(project, installed)) : installed;
}

/**
 * Tests for which a user namespace can make a difference: privileges, owners of files, namespaces, processes. The
 * kernel routes the same way in both.
 */
const AS_USER = [
  'test/native/',
  ...['bundle', 'code-cache', 'configuration'].map((name) => `test/installed/${name}.test.ts`),
  ...['apply', 'claim', 'commands', 'hooks', 'runtime-folder', 'signals'],
].map((name) => (name.includes('/') ? name : `test/kernel/${name}.test.ts`));

const failed = [];
const missing = [];
const runs = [];
/** Options of vitest that select test files replace the default ones. */
const chosen = given.some((each) => !each.startsWith('-'));

chmodSync(results, 0o755);
try {
  installed = process.env.MULTIHOMED_TEST_INSTALLED ?? install(project, results);
  const main = root ? asRoot : asUser;
  const why = forbidden(main);
  if (why === null) {
    if (as !== 'nobody') runs.push(run(root ? 'root' : 'own', main, { args: given }));
  } else {
    missing.push(
      `the tests on the kernel: this host does not let ${root ? 'root' : 'an ordinary user'} make namespaces (${why})` +
        (root
          ? ''
          : '; sysctl kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns, or run as root'),
    );
    runs.push(run('pure', [], { args: given }));
  }
  if (root && why === null && as !== 'root') {
    const whyNot = forbidden(asNobody) ?? unreadable();
    const rest = given.filter((each) => !each.startsWith('--coverage'));
    const args = ['--passWithNoTests', ...(chosen ? [] : AS_USER), ...rest];
    if (whyNot === null) {
      console.log('\nOnce more as an ordinary user, in a user namespace:');
      runs.push(run('user', asNobody, { where: `${MOUNT}/tree`, node: `${MOUNT}/node`, args }));
    } else missing.push(`the tests as an ordinary user: ${whyNot}`);
  }
  const { line, broken, skipped } = summary(runs, missing);
  if (ci && skipped > 0) failed.push('a builder skips no test');
  for (const each of failed) console.log(each);
  console.log(`Random tests drew from MULTIHOMED_SEED=${seed}.`);
  console.log(line);
  const copy = process.env.MULTIHOMED_TEST_SUMMARY;
  if (copy) writeFileSync(copy, `${line}\n`);
  process.exitCode = failed.length > 0 || broken ? 1 : 0;
} finally {
  rmSync(results, { recursive: true, force: true });
}

/** @returns a file that user `nobody` cannot read, or null */
function unreadable() {
  const { status, stderr } = spawnSync(
    asNobody[0],
    [...asNobody.slice(1), `${MOUNT}/node`, `${seenIn(`${MOUNT}/tree`)}/bin/multihomed`, '--version'],
    { encoding: 'utf8', env: { ...process.env, PATH }, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  return status === 0
    ? null
    : `others may not read this tree (chmod -R o+rX .): ${stderr.trim().split('\n')[0]}`;
}
