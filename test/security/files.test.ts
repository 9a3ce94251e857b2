/** Configuration of an ordinary user that root reads: what is accepted, what is printed, and the cost. */
import { execFileSync } from 'node:child_process';
import { chownSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { command, finished, MAIN } from '../support/daemon.ts';
import { NOBODY, test } from './attacker.ts';

test('a configuration of another user is refused, and nothing of it is printed', async ({ lab, attack }) => {
  expect(attack).toBeTypeOf('function');
  const folder = join(lab.folder, 'home');
  mkdirSync(folder);
  const own = join(folder, 'own.yaml');
  writeFileSync(own, 'rules: {"secret-*": sublfow}\nsecret-key: secret-value\n');
  const shadow = join(folder, 'shadow.yaml');
  symlinkSync('/etc/shadow', shadow);
  const pipe = join(folder, 'pipe.yaml');
  execFileSync('mkfifo', [pipe]);
  for (const each of [folder, own, pipe]) chownSync(each, NOBODY, NOBODY);
  const runs = [own, shadow, pipe].flatMap((file) => [
    ['check', '--json', file],
    ['run', '--once', '--config', file],
    ['status', '--config', file],
  ]);
  const seen = await Promise.all(
    runs.map(async (args) => {
      const { code, stdout, stderr } = await command(lab.host, args);
      return [
        args[0],
        code,
        /secret|root:[x$*!]/.test((stdout + stderr).replaceAll(lab.folder, '')),
        /belongs to uid/.test(stdout + stderr),
      ];
    }),
  );
  expect(seen).toEqual(runs.map(([name]) => [name, 78, false, true]));
  expect(lab.host.rules()).toEqual([]);
});

/** Exit status, and maximum resident memory in MiB. */
const MEASURE = `
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=100).returncode
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10)
`;

test('a YAML bomb is refused in bounded time and memory', async ({ lab }) => {
  const laughs = 'bcdefghi'
    .split('')
    .map((name, i) => `  ${name}: &${name} [${Array(9).fill(`*${'abcdefgh'[i]}`).join(', ')}]`);
  const bombs: Record<string, string> = {
    laughs: ['rules:', '  a: &a [lol]', ...laughs].join('\n'),
    depth: '['.repeat(1_000_000),
    rules: `rules:\n${Array.from({ length: 50_000 }, (_, i) => `  a${i}: sublfow\n`).join('')}`,
    huge: 'rules: {}\n',
  };
  const paths = Object.entries(bombs).map(([name, text]) => {
    const path = join(lab.folder, `${name}.yaml`);
    writeFileSync(path, text, { mode: 0o644 });
    return path;
  });
  truncateSync(paths.at(-1)!, 100 << 20);
  const circle = join(lab.folder, 'circle.yaml');
  symlinkSync('circle.yaml', circle);
  const endless = join(lab.folder, 'endless.yaml');
  symlinkSync('/dev/zero', endless);
  const measured = await Promise.all(
    [...paths, circle, endless].map(async (path) => {
      const check = [process.execPath, MAIN, 'check', path];
      const { stdout, stderr } = await finished(lab.host.spawn('python3', ['-c', MEASURE, ...check]));
      const [code, state] = stdout.split(' ').map(Number);
      return { path, stderr, code, state };
    }),
  );
  for (const { path, stderr, code, state } of measured) {
    // A command that takes longer than 25 seconds is ended and reported.
    expect([path, stderr, code]).toEqual([path, '', 78]);
    expect(state, path).toBeLessThan(400);
  }
});
