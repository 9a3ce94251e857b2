/** The bundle in the installed copy: only its parts, and stack traces with lines of the source. */
import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { finished, MAIN } from '../support/daemon.ts';
import { PACKAGE } from '../support/installed.ts';
import { test } from '../support/host-files.ts';

const DIST = join(PACKAGE, 'dist');

/** Node runs this script before the command. */
const before = (script: string): NodeJS.ProcessEnv => ({
  NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(script)}`,
});

/** Every part that a file of dist/ loads, at once or later, by its path in dist/. */
function parts(file: string, found = new Set<string>()): Set<string> {
  const text = readFileSync(join(DIST, file), 'utf8');
  for (const [, name = ''] of text.matchAll(/["'](?:\.\/)?([\w-]+-[\w-]{8}\.js)["']/g)) {
    if (found.has(`parts/${name}`)) continue;
    found.add(`parts/${name}`);
    parts(`parts/${name}`, found);
  }
  return found;
}

test('bundle: dist/ has the parts that main.js loads, their source maps, and nothing else', () => {
  const files = readdirSync(DIST, { recursive: true, encoding: 'utf8' }).filter((name) => name !== 'parts');
  const loaded = [...parts('main.js')];
  expect(loaded.length).toBeGreaterThan(20);
  const others = ['main.js', 'package.json', 'code-cache'];
  expect(files.sort()).toEqual([...loaded.flatMap((name) => [name, `${name}.map`]), ...others].sort());
});

test('bundle: the hook runner starts without the libraries of the command', async ({ lab }) => {
  const script = `import fs from 'node:fs';
    const { openSync } = fs;
    fs.openSync = (name, ...rest) => (console.log(name), openSync(name, ...rest));`;
  // Without its connection it ends at once.
  const child = lab.host.spawn(process.execPath, [MAIN, 'hook-runner'], before(script));
  const { stdout } = await finished(child);
  const loaded = stdout.split('\n').filter((name) => name.includes('/parts/'));
  expect(loaded).toContainEqual(expect.stringMatching(/\/hook-runner-[\w-]+\.js$/));
  const maps = loaded.map((name) => readFileSync(`${name}.map`, 'utf8'));
  expect(maps.filter((text) => text.includes('node_modules/'))).toEqual([]);
});

test('bundle: the package only depends on what builds and loads the addon', () => {
  const { dependencies } = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  expect(Object.keys(dependencies)).toEqual(['node-addon-api', 'node-gyp', 'node-gyp-build']);
});

test('exit 69: the addon cannot be loaded', async ({ lab }) => {
  const copy = join(lab.folder, 'copy');
  for (const part of ['dist', 'package.json'])
    cpSync(join(PACKAGE, part), join(copy, part), { recursive: true });
  for (const command of ['run', 'status', 'doctor']) {
    const { code, stderr } = await finished(
      lab.host.spawn(process.execPath, [join(copy, 'dist/main.js'), command]),
    );
    expect([code, stderr]).toEqual([
      69,
      expect.stringMatching(/^multihomed: the native addon cannot be loaded by Node v[\d.]+: .+\n$/),
    ]);
  }
});

test('exit 70: the stack of an unexpected error names lines of the source', async ({ lab }) => {
  const script = `process.stdout.write = () => { throw new Error('planted') }`;
  const child = lab.host.spawn(process.execPath, [MAIN, 'endpoint', 'show'], before(script));
  lab.host.ip('mptcp endpoint add 192.168.50.1');
  const { code, stderr } = await finished(child);
  expect([code, stderr]).toEqual([
    70,
    expect.stringContaining('internal error, please report it: Error: planted'),
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
    expect.stringContaining('internal error, please report it: Error: planted'),
  ]);
});

/** Makes the program fail inside its own code: it changes into a folder when it reads the system's configuration. */
const BROKEN = `process.chdir = () => { throw new TypeError('planted') }`;

test('exit 70: an unexpected error while reading is not reported as an error of the configuration', async ({
  files,
}) => {
  files.write('/etc/multihomed/config.yaml', 'rules:\n  eth0: subflow\n');
  const options = `NODE_OPTIONS=${before(BROKEN)['NODE_OPTIONS']}`;
  const { code, stderr } = await finished(files.spawn('env', [options, 'multihomed', 'check']));
  expect([code, stderr]).toEqual([
    70,
    expect.stringMatching(/internal error.*planted[^]*src\/rules\/system\.ts:\d+/),
  ]);
});

test('reload: an unexpected error is logged, and the old configuration is kept', async ({ lab, files }) => {
  lab.cable('eth0').connect();
  files.write('/etc/multihomed/config.yaml', 'rules:\n  eth0: subflow\n');
  const options = `NODE_OPTIONS=${before(`process.on('SIGUSR2', () => { ${BROKEN}; process.stderr.write('broken now') })`)['NODE_OPTIONS']}`;
  const child = files.spawn('env', [options, 'multihomed', 'run']);
  let log = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (log += text));
  const ended = finished(child);
  await expect.poll(() => log, { timeout: 20_000 }).toMatch(/eth0 10\.1\.0\.2: active/);
  const faults = (): number => log.match(/internal error.*planted/g)?.length ?? 0;
  child.kill('SIGUSR2');
  await expect.poll(() => log, { timeout: 20_000 }).toContain('broken now');
  // A reading that began earlier is over when this one is.
  child.kill('SIGHUP');
  await expect.poll(faults, { timeout: 20_000 }).toBe(1);
  files.write('/etc/multihomed/config.yaml', 'rules: {}\n');
  child.kill('SIGHUP');
  await expect.poll(faults, { timeout: 20_000 }).toBeGreaterThan(1);
  expect(log).toContain('remains in use');
  expect(lab.host.endpointTexts()).toEqual(['10.1.0.2 eth0 subflow']);
  child.kill('SIGTERM');
  expect((await ended).code).toBe(0);
});
