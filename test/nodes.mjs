/**
 * Runs the tests that depend on the version of Node under several versions, which npm downloads: `npm run test:nodes`.
 * Arguments are passed to vitest; a folder or file replaces the default tests. Needs a built tree.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const VERSIONS = ['20', '22', '24'];

/**
 * The addon, sockets, files, processes and signals; the installed program with its compiled code; YAML and terminals.
 */
const CHOICE = [
  ...['actions', 'control', 'daemon', 'native', 'netlink', 'system', 'rules/load', 'watch'],
  ...['bundle', 'code-cache', 'configuration'].map((name) => `installed/${name}`),
  ...['hooks/execute', 'kernel/run', 'kernel/signals', 'kernel/up', 'commands/output'],
].map((name) => `test/${name}`);

const given = process.argv.slice(2);
const tests = given.some((each) => !each.startsWith('-')) ? given : [...CHOICE, ...given];

// Tests also run Node as other users, who cannot read npm's own cache in a home directory.
const folder = mkdtempSync(join(tmpdir(), 'multihomed-nodes-'));
chmodSync(folder, 0o755);

/** @returns whether the tests pass */
function passesWith(version) {
  const prefix = join(folder, version);
  const install = ['install', '--no-audit', '--no-fund', '--silent', '--prefix', prefix, `node@${version}`];
  if (spawnSync('npm', install, { stdio: 'inherit' }).status !== 0) return false;
  const bin = join(prefix, 'node_modules/node/bin');
  const node = join(bin, 'node');
  console.log(`Node ${spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim()}:`);
  const env = { ...process.env, PATH: `${bin}:${process.env.PATH}` };
  return spawnSync(node, ['test/run.mjs', ...tests], { stdio: 'inherit', env }).status === 0;
}

try {
  const failed = VERSIONS.filter((version) => !passesWith(version));
  if (failed.length > 0) {
    console.error(`failed with Node ${failed.join(', ')}`);
    process.exitCode = 1;
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
