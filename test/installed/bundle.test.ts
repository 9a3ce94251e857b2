/** The bundle in the installed copy: nothing but its parts, and a stack of its own faults in lines of the source. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { finished, MAIN } from '../support/daemon.ts';
import { PACKAGE } from '../support/installed.ts';
import { test } from '../support/lab.ts';

const DIST = join(PACKAGE, 'dist');

/** Node runs this script before the command. */
const before = (script: string): NodeJS.ProcessEnv => ({
  NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(script)}`,
});

/** Every file that main.js imports, at once or later, by its path in dist/. */
function parts(file = 'main.js', found = new Set<string>()): Set<string> {
  if (found.has(file)) return found;
  found.add(file);
  const text = readFileSync(join(DIST, file), 'utf8');
  for (const [, name] of text.matchAll(/"\.\/(?:parts\/)?([\w-]+\.js)"/g)) parts(`parts/${name}`, found);
  return found;
}

test('bundle: dist/ has the parts that main.js loads, their source maps, and nothing else', () => {
  const files = readdirSync(DIST, { recursive: true, encoding: 'utf8' }).filter((name) => name !== 'parts');
  const loaded = [...parts()];
  expect(loaded.length).toBeGreaterThan(20);
  expect(files.sort()).toEqual(loaded.flatMap((name) => [name, `${name}.map`]).sort());
});

test('bundle: the package needs only what builds and loads the addon', () => {
  const { dependencies } = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  expect(Object.keys(dependencies)).toEqual(['node-addon-api', 'node-gyp', 'node-gyp-build']);
});

test('exit 70: the stack of an unexpected error names lines of the source', async ({ lab }) => {
  const script = `process.stdout.write = () => { throw new Error('planted') }`;
  const child = lab.host.spawn(process.execPath, [MAIN, 'endpoint', 'show'], before(script));
  lab.host.ip('mptcp endpoint add 192.168.50.1');
  const { code, stderr } = await finished(child);
  expect([code, stderr]).toEqual([
    70,
    expect.stringContaining('our own fault, please report it: Error: planted'),
  ]);
  const [, file = '', line = ''] = /\b(src\/[\w/-]+\.ts):(\d+):\d+/.exec(stderr) ?? [];
  const source = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8').split('\n');
  expect(source[Number(line) - 1]).toContain('.write(');
});

test('exit 70: an error in a callback ends the daemon', async ({ lab }) => {
  lab.cable('eth0').connect();
  const script = `process.on('SIGUSR2', () => { throw new Error('planted') })`;
  const daemon = await lab.daemon({ eth0: 'subflow' }, { environment: before(script) });
  const { code, stderr } = await daemon.stop('SIGUSR2');
  expect([code, stderr]).toEqual([
    70,
    expect.stringContaining('our own fault, please report it: Error: planted'),
  ]);
});
