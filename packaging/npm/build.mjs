/**
 * Makes the npm package with the addon prebuilt: node packaging/npm/build.mjs [--arch x64,arm64] [--to FOLDER], after
 * `npm ci` or `npm run build`. Where no prebuilt addon fits, the installed package compiles it.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { buildAddon } from '../addon.mjs';

const project = fileURLToPath(new URL('../..', import.meta.url));
const scratch = join(project, 'packaging/build');
const { values } = parseArgs({
  options: { arch: { type: 'string', default: process.arch }, to: { type: 'string', default: scratch } },
});
const { files, scripts } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'));

mkdirSync(values.to, { recursive: true });
const root = mkdtempSync(join(scratch, 'npm-'));
try {
  const listed = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: project });
  for (const { path } of JSON.parse(listed.toString())[0].files)
    cpSync(join(project, path), join(root, path));
  for (const arch of values.arch.split(','))
    buildAddon(arch, scratch, join(root, `native/prebuilds/linux-${arch}/multihomed.glibc.napi.node`));
  execFileSync('npm', ['pkg', 'set', '--json', `files=${JSON.stringify([...files, 'native/prebuilds'])}`], {
    cwd: root,
  });
  // Only a clone has the sources of the bundle.
  if (scripts.prepare) execFileSync('npm', ['pkg', 'delete', 'scripts.prepare'], { cwd: root });
  execFileSync('npm', ['pack', '--ignore-scripts', '--pack-destination', values.to], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'ignore'],
  });
} finally {
  rmSync(root, { recursive: true, force: true });
}
