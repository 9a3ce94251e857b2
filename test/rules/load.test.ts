/** Which files are read, in which order, and which are refused. */
import { chmodSync, mkdirSync, readdirSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { privateFolder } from './folder.ts';

const folder = privateFolder();

describe('files that are read', () => {
  test.each(['config.yaml', 'config.yml', 'config.json'])(
    '%s is the system’s configuration',
    async (name) => {
      const path = folder.put(`etc/${name}`, '{"rules": {"eth0": "subflow"}, "limits": "leave"}');
      const configuration = await folder.load();
      expect(configuration.rules[0]?.origin).toEqual({ file: path, line: 1, column: 12 });
      expect(configuration.limits).toBe('leave');
      expect(configuration.files).toEqual([path]);
      expect(configuration.warnings).toEqual([]);
    },
  );

  test('config.yaml wins over other names; the unread file is named in a warning', async () => {
    folder.put('etc/config.json', '{"rules": {"b": "subflow"}}');
    folder.put('etc/config.yaml', 'rules: {a: subflow}');
    expect(await folder.globs()).toEqual(['a']);
    const expected = `${folder.etc}/config.json is not read: ${folder.etc}/config.yaml takes precedence`;
    expect(await folder.warnings()).toEqual([expected]);
  });

  test('drop-ins follow it, sorted by name over both folders', async () => {
    folder.put('etc/config.yaml', 'rules: {first: subflow}');
    folder.put('usr/rules.d/10-a.yaml', 'rules: {second: subflow}');
    folder.put('etc/rules.d/20-b.yaml', 'rules: {third: subflow}');
    folder.put('usr/rules.d/30-c.yaml', 'rules: {fourth: subflow}');
    folder.put('etc/rules.d/100-d.yaml', 'rules: {between: subflow}');
    expect(await folder.globs()).toEqual(['first', 'second', 'between', 'third', 'fourth']);
  });

  test('a drop-in of /etc replaces the packaged one with the same name', async () => {
    folder.put('usr/rules.d/10.yaml', 'rules: {packaged: subflow, }');
    folder.put('etc/rules.d/10.yaml', 'rules: {mine: subflow}');
    expect(await folder.globs()).toEqual(['mine']);
  });

  test('a replaced packaged file is not read, even if invalid', async () => {
    folder.put('usr/rules.d/10.yaml', '}');
    folder.put('etc/rules.d/10.yaml', 'rules: {mine: subflow}');
    expect(await folder.globs()).toEqual(['mine']);
  });

  test.each(['an empty file', 'a link to /dev/null'])('%s masks', async (how) => {
    folder.put('usr/rules.d/10.yaml', 'rules: {packaged: subflow}');
    folder.put('usr/rules.d/20.yaml', 'rules: {other: subflow}');
    if (how === 'an empty file') folder.put('etc/rules.d/10.yaml', '');
    else symlinkSync('/dev/null', join(folder.etc, 'rules.d/10.yaml'));
    expect(await folder.globs()).toEqual(['other']);
  });

  test('other names are not read; a warning names likely misspellings', async () => {
    for (const name of ['a.yaml~', '.#b.yaml', '.c.yaml', 'd.yaml.dpkg-old', 'README', 'e.yml']) {
      folder.put(`etc/rules.d/${name}`, '}');
    }
    const { files } = await folder.load();
    expect(files).toEqual([]);
    expect((await folder.warnings()).filter((each) => each.includes('is not read'))).toEqual([
      `${folder.etc}/rules.d/e.yml is not read: the names of drop-ins end in .yaml`,
    ]);
  });

  test('no configuration is valid and gives a warning', async () => {
    folder.remove();
    const { rules, limits, hooks } = await folder.load();
    expect(rules).toEqual([]);
    expect(limits).toBe('auto');
    expect(hooks).toEqual({
      timeout: 30_000,
      user: 'root',
      path: ['/etc/multihomed/hooks.d', '/usr/lib/multihomed/hooks.d'],
    });
    expect(await folder.warnings()).toEqual([expect.stringContaining('nothing is managed')]);
  });

  test.each(['', '# nothing\n', '---\n', 'rules:\n', 'null', '\uFEFF'])(
    'an empty config.yaml (%j) counts as none',
    async (text) => {
      folder.put('etc/config.yaml', text);
      expect((await folder.load()).warnings).toHaveLength(1);
    },
  );

  test('--config only reads that file', async () => {
    folder.put('etc/config.yaml', '}');
    folder.put('etc/rules.d/10.yaml', '}');
    const config = folder.put('mine', 'rules: {a: subflow}\nlimits: leave');
    const { rules, limits, files } = await folder.load({ config, etc: folder.etc, usr: folder.usr });
    expect([rules.length, limits, files]).toEqual([1, 'leave', [config]]);
    expect((await folder.load({ config: '/dev/null' })).rules).toEqual([]);
  });

  test('no descriptor is left open', async () => {
    folder.put('etc/config.yaml', 'rules: {a: subflow}');
    folder.put('usr/rules.d/10.yaml', 'rules: {b: subflow}');
    await folder.load();
    chmodSync(folder.put('etc/rules.d/20.yaml', ''), 0o666);
    await folder.problems();
    const open = readdirSync('/proc/self/fd').filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).startsWith(folder.path);
      } catch {
        // The descriptor of the listing itself, which is closed by now.
        return false;
      }
    });
    expect(open).toEqual([]);
  });
});

describe('missing and refused files', () => {
  test('--config with a missing file is an error', async () => {
    expect(await folder.problems({ config: `${folder.path}/none` })).toEqual(['none: no such file']);
  });

  test('all problems are reported at once', async () => {
    chmodSync(folder.put('etc/config.yaml', 'rules: {}'), 0o666);
    chmodSync(folder.put('etc/rules.d/10.yaml', 'rules: {}'), 0o664);
    mkdirSync(join(folder.etc, 'rules.d/20.yaml'));
    symlinkSync('nothing', join(folder.etc, 'rules.d/30.yaml'));
    folder.put('etc/rules.d/40.yaml', '}');
    folder.put('etc/rules.d/50.yaml', new Uint8Array([0x72, 0xff, 0xfe]));
    folder.put('etc/rules.d/60.yaml', '#'.repeat(1024 * 1024 + 1));
    const problems = await folder.problems();
    expect(problems.map((each) => each.split(/[:;] /).slice(0, 2).join(': '))).toEqual([
      expect.stringMatching(
        /^etc\/config.yaml is writable by its group and everyone: chmod go-w etc\/config.yaml$/,
      ),
      expect.stringMatching(
        /^etc\/rules.d\/10.yaml is writable by its group: chmod g-w etc\/rules.d\/10.yaml$/,
      ),
      expect.stringMatching(/20.yaml is a folder, not a regular file/),
      expect.stringMatching(/30.yaml: no such file/),
      expect.stringMatching(/50.yaml: found bytes that are not UTF-8/),
      expect.stringMatching(/60.yaml has 1048577 bytes/),
      expect.stringMatching(/40.yaml:1:1: not valid YAML/),
    ]);
  });

  test.each(['etc', 'etc/rules.d', 'usr/rules.d'])(
    'a folder (%s) that others can write is refused',
    async (name) => {
      folder.put('etc/config.yaml', 'rules: {}');
      chmodSync(join(folder.path, name), 0o777);
      expect((await folder.problems()).join('\n')).toContain(
        `${name} is writable by its group and everyone: chmod go-w`,
      );
    },
  );

  test('config.yaml that is not UTF-8 is an error', async () => {
    folder.put('etc/config.yaml', new Uint8Array([0x23, 0xff]));
    expect(await folder.problems()).toEqual([
      'etc/config.yaml: found bytes that are not UTF-8; expected UTF-8',
    ]);
  });

  test.each(['config.yaml', 'config.json'])('a dangling %s is an error', async (name) => {
    symlinkSync('nothing', join(folder.etc, name));
    expect((await folder.problems()).join()).toContain('no such file (there is no ');
  });

  test('a missing folder is no error', async () => {
    rmSync(folder.usr, { recursive: true });
    rmSync(join(folder.etc, 'rules.d'), { recursive: true });
    expect(await folder.problems()).toEqual([]);
  });
});
