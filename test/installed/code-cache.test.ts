/** The code that V8 compiled at installation: used if it fits, ignored otherwise, and never a failure. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test as base } from 'vitest';
import { PACKAGE } from '../support/installed.ts';

/** Prints how many parts V8 read from the compiled code, and how many it compiled. */
const COUNT = `
const vm = require('node:vm');
const counts = { read: 0, compiled: 0 };
vm.Script = class extends vm.Script {
  constructor(source, options) {
    super(source, options);
    counts[options.cachedData === undefined || this.cachedDataRejected ? 'compiled' : 'read']++;
  }
};
process.on('exit', () => process.stderr.write(JSON.stringify(counts)));
`;

interface Copy {
  readonly dist: string;
  readonly cache: string;
  /**
   * Prints the version.
   * @returns how many parts were read from the compiled code, and how many were compiled
   */
  readonly start: (...flags: string[]) => { read: number; compiled: number };
}

/** A copy of the installed command. */
const test = base.extend<{ copy: Copy }>({
  // oxlint-disable-next-line no-empty-pattern -- vitest reads the parameter's shape
  copy: async ({}, use) => {
    const folder = mkdtempSync(join(tmpdir(), 'multihomed-code-'));
    const dist = join(folder, 'dist');
    cpSync(join(PACKAGE, 'dist'), dist, { recursive: true, preserveTimestamps: true });
    for (const name of ['native', 'node_modules', 'package.json'])
      symlinkSync(join(PACKAGE, name), join(folder, name));
    const count = join(folder, 'count.cjs');
    writeFileSync(count, COUNT);
    await use({
      dist,
      cache: join(dist, 'code-cache'),
      start: (...flags) => {
        const args = [...flags, '--require', count, join(dist, 'main.js'), '--version'];
        const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
        expect([status, stdout]).toEqual([0, expect.stringMatching(/^multihomed \d/)]);
        return JSON.parse(stderr) as { read: number; compiled: number };
      },
    });
    rmSync(folder, { recursive: true });
  },
});

const ALL_READ = { read: expect.toSatisfy((count) => count > 5), compiled: 0 };
const NONE_READ = { read: 0, compiled: expect.toSatisfy((count) => count > 5) };

test('code cache: an installed command compiles nothing', ({ copy }) => {
  expect(copy.start()).toEqual(ALL_READ);
});

test('code cache: missing: every part is compiled', ({ copy }) => {
  rmSync(copy.cache);
  expect(copy.start()).toEqual(NONE_READ);
});

test('code cache: a part that changed at equal length is compiled', ({ copy }) => {
  const name = readdirSync(join(copy.dist, 'parts')).find((each) => /^main-[\w-]+\.js$/.test(each))!;
  const later = statSync(copy.cache).mtimeMs / 1000 + 10;
  utimesSync(join(copy.dist, 'parts', name), later, later);
  expect(copy.start()).toMatchObject({ compiled: 1 });
});

test('code cache: one of another Node binary is not used', ({ copy }) => {
  const bytes = readFileSync(copy.cache);
  const at = bytes.indexOf(process.version);
  expect(at).toBeGreaterThan(0);
  bytes.write('v99', at, 'latin1');
  writeFileSync(copy.cache, bytes);
  expect(copy.start()).toEqual(NONE_READ);
});

test('code cache: one for other V8 flags is not used', ({ copy }) => {
  expect(copy.start('--no-lazy')).toEqual(NONE_READ);
});

test.for([0, 3, 4, 100, 10_000, 100_000])(
  'code cache: one truncated to %i bytes is not used',
  (length, { copy }) => {
    truncateSync(copy.cache, length);
    expect(copy.start().compiled).toBeGreaterThan(0);
  },
);

test('code cache: a file of random bytes is not used', ({ copy }) => {
  writeFileSync(copy.cache, Buffer.alloc(1 << 20, 0xa5));
  expect(copy.start()).toEqual(NONE_READ);
});

test('code cache: one that others can write is not used', ({ copy }) => {
  chmodSync(copy.cache, 0o666);
  expect(copy.start()).toEqual(NONE_READ);
});
