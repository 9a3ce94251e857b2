/** The Debian package: its content, and installing, upgrading, removing and purging it. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { finished } from '../support/daemon.ts';
import { test, type PrivateRoot } from './root.ts';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'multihomed-deb-'));
let deb = '';
/** Returns the folder with the package's unpacked files. */
const unpacked = join(folder, 'unpacked');

beforeAll(() => {
  deb = execFileSync(process.execPath, [join(PROJECT, 'packaging/debian/build.mjs'), '--to', folder], {
    encoding: 'utf8',
  }).trim();
  execFileSync('dpkg-deb', ['--raw-extract', deb, unpacked]);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const isHere = (program: string): boolean =>
  spawnSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' }).status === 0;

/** Builds the same package with another version. */
function versioned(version: string): string {
  const path = join(unpacked, 'DEBIAN/control');
  const text = readFileSync(path, 'utf8');
  const file = join(folder, `multihomed_${version}.deb`);
  writeFileSync(path, text.replace(/^Version: .*$/m, `Version: ${version}`));
  execFileSync('dpkg-deb', ['--build', '-Znone', '--root-owner-group', unpacked, file], { stdio: 'ignore' });
  writeFileSync(path, text);
  return file;
}

/** Node may have been installed without a package here; the test of the control file checks dependencies. */
const dpkg = (root: PrivateRoot, ...args: string[]) => root.run('dpkg', '--force-depends', ...args);

const state = async (root: PrivateRoot): Promise<string> =>
  (await root.run('dpkg-query', '-W', '-f', '${db:Status-Abbrev}${Version}', 'multihomed')).stdout.trim();

describe('contents', () => {
  test('the files that README lists are in the package at the same paths', () => {
    const files = execFileSync('dpkg-deb', ['--fsys-tarfile', deb], { maxBuffer: 1 << 26 });
    const names = execFileSync('tar', ['-t'], { input: files, encoding: 'utf8' }).split('\n');
    const shipped = (name: string, to: string): string[] =>
      readdirSync(join(PROJECT, name), { withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => `./${to}/${entry.name}`);
    expect(names).toEqual(
      expect.arrayContaining([
        './usr/bin/multihomed',
        ...shipped('rules', 'usr/lib/multihomed/rules.d'),
        ...shipped('hooks', 'usr/lib/multihomed/hooks.d'),
        './usr/lib/systemd/system/multihomed.service',
        './usr/lib/sysusers.d/multihomed.conf',
        './etc/iproute2/rt_protos.d/multihomed.conf',
        './usr/lib/NetworkManager/conf.d/zz-multihomed.conf',
        './usr/share/multihomed/multihomed.schema.json',
        './usr/share/man/man8/multihomed.8.gz',
        './usr/share/man/man5/multihomed.yaml.5.gz',
        './usr/share/man/man7/multihomed-hooks.7.gz',
        './usr/share/bash-completion/completions/multihomed',
        './usr/share/zsh/vendor-completions/_multihomed',
        './usr/share/fish/vendor_completions.d/multihomed.fish',
      ]),
    );
  });

  test('the licences of all bundled packages are included', () => {
    const text = readFileSync(join(unpacked, 'usr/share/doc/multihomed/copyright'), 'utf8');
    for (const name of ['commander', 'zod', 'yaml', 'pino'])
      expect(text).toMatch(new RegExp(`^${name} [\\d.]+, `, 'm'));
  });

  test('lintian finds no error and no warning', ({ skip }) => {
    if (!isHere('lintian')) skip('lintian is not installed');
    const { stdout, stderr } = spawnSync('lintian', ['--allow-root', '--tag-display-limit', '0', deb], {
      encoding: 'utf8',
    });
    expect(`${stdout}${stderr}`).toBe('');
  });

  test('the command runs on Node 18.19', async ({ lab, skip }) => {
    const node = process.env['MULTIHOMED_TEST_NODE18'];
    if (node === undefined) skip('MULTIHOMED_TEST_NODE18 does not name its executable');
    lab.cable('eth0').connect();
    const program = join(unpacked, 'usr/libexec/multihomed');
    const config = join(unpacked, 'usr/lib/multihomed/rules.d/60-roaming.yaml');
    for (const args of [['run', '--once'], ['status'], ['explain', 'eth0'], ['plan']]) {
      const child = lab.host.spawn(node!, [join(program, 'dist/main.js'), ...args, '--config', config]);
      expect([args, (await finished(child)).code]).toEqual([args, 0]);
    }
    expect(lab.host.endpointTexts()).toEqual(['10.1.0.2 eth0 subflow']);
    // Functions that this version lacks; they would only fail when called.
    const newer =
      /\b(toSorted|toReversed|toSpliced|withResolvers|fromAsync|groupBy|crc32|styleText|AbortSignal\.any)\(/;
    const parts = join(program, 'dist/parts');
    for (const name of readdirSync(parts).filter((each) => each.endsWith('.js')))
      expect([name, newer.exec(readFileSync(join(parts, name), 'utf8'))]).toEqual([name, null]);
  });
});

test('install, upgrade, downgrade: the daemon restarts; endpoint and connection are kept', async ({
  lab,
  root,
}) => {
  lab.cable('eth0').connect();
  const install = await dpkg(root, '--install', root.bring(deb));
  expect([install.code, await state(root)]).toEqual([0, expect.stringMatching(/^ii /)]);
  expect((await root.run('dpkg', '--verify', 'multihomed')).stdout).toBe('');
  expect((await root.run('multihomed', 'check')).stdout).toContain('rules in 3 files: no errors');
  expect((await root.run('id', '-nG', 'multihomed')).stdout).toBe('multihomed\n');
  // As with a daemon of root, that has read this file.
  const mine = '/etc/multihomed/rules.d/10-mine.yaml';
  await root.run('sh', '-c', `umask 077; echo 'rules: { eth9: ignore }' >${mine}`);
  const connections = await lab.connections();
  for (const file of [versioned('0.2.0-1'), versioned('0.0.9-1')]) {
    const before = lab.host.endpoints();
    // As an earlier version leaves it: root's.
    await root.run('mkdir', '-p', '/run/multihomed/dhcp');
    const daemon = root.spawn('multihomed', 'run');
    const ended = finished(daemon);
    await expect.poll(() => lab.host.endpointTexts()).toEqual(['10.1.0.2 eth0 subflow']);
    if (before.length > 0) expect(lab.host.endpoints()).toEqual(before);
    const connection = await connections.open('10.1.0.2');
    expect((await dpkg(root, '--force-downgrade', '--install', root.bring(file))).code).toBe(0);
    daemon.kill();
    await ended;
    await connection.echo('after');
  }
  expect(await state(root)).toBe('ii 0.0.9-1');
  const moved = await root.run('stat', '-c', '%U:%G %a', mine, '/run/multihomed-hooks/dhcp');
  expect(moved.stdout).toBe('root:multihomed 640\nroot:root 755\n');
});

test('remove: refused while it would cut a connection; purge leaves nothing behind', async ({
  lab,
  root,
}) => {
  lab.cable('eth0').connect();
  await dpkg(root, '--install', root.bring(deb));
  const daemon = root.spawn('multihomed', 'run');
  const ended = finished(daemon);
  await expect.poll(() => lab.host.endpointTexts()).toEqual(['10.1.0.2 eth0 subflow']);
  const connection = await (await lab.connections()).open('10.1.0.2');
  const refused = await dpkg(root, '--purge', 'multihomed');
  expect([refused.code, refused.stderr]).toEqual([
    1,
    expect.stringMatching(/would cut 1 open MPTCP connection[^]*\n {4}multihomed flush --force\n/),
  ]);
  expect(await state(root)).toMatch(/^[ip]i /);
  expect(lab.host.endpointTexts()).toEqual(['10.1.0.2 eth0 subflow']);
  await connection.echo('still');

  expect((await root.run('multihomed', 'flush', '--force')).code).toBe(0);
  daemon.kill();
  await ended;
  await root.run('touch', '/etc/multihomed/rules.d/10-mine.yaml');
  expect((await dpkg(root, '--remove', 'multihomed')).code).toBe(0);
  expect(root.changed('etc/multihomed/rules.d/')).toEqual(['/etc/multihomed/rules.d/10-mine.yaml']);
  expect(await root.run('ls', '-A', '/run')).toMatchObject({
    stdout: expect.not.stringContaining('multihomed'),
  });
  const purged = await dpkg(root, '--purge', 'multihomed');
  expect([purged.code, root.changed('multihomed')]).toEqual([0, []]);
  expect([lab.host.endpointTexts(), lab.host.rules()]).toEqual([[], []]);
});
