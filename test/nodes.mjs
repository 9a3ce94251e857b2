/**
 * Runs the tests under each supported version of Node, which npm downloads: `npm run test:nodes`. Arguments are
 * vitest's, such as a folder. Needs a built tree.
 */
import { spawnSync } from 'node:child_process';

const VERSIONS = ['20', '22', '24'];

const failed = VERSIONS.filter((version) => {
  const node = ['exec', '--yes', `--package=node@${version}`, '--', 'node'];
  const shown = spawnSync('npm', [...node, '--version'], { encoding: 'utf8' });
  console.log(`Node ${version}: ${shown.stdout.trim() || shown.stderr.trim()}`);
  return (
    spawnSync('npm', [...node, 'test/run.mjs', ...process.argv.slice(2)], { stdio: 'inherit' }).status !== 0
  );
});
if (failed.length > 0) {
  console.error(`failed with Node ${failed.join(', ')}`);
  process.exitCode = 1;
}
