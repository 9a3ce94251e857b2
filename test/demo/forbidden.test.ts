/** If namespaces are forbidden, one message says why and what to do. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { whyForbidden } from '../../src/demo/forbidden.ts';
import { MAIN, whyNot } from './performance.ts';

describe('demo: the reason why namespaces are forbidden', () => {
  const folders: string[] = [];
  afterEach(() => {
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
  });
  const sysctl = (file: string, value: string): string => {
    const folder = mkdtempSync(join(tmpdir(), 'multihomed-sysctl-'));
    folders.push(folder);
    mkdirSync(join(folder, file, '..'), { recursive: true });
    writeFileSync(join(folder, file), `${value}\n`);
    return folder;
  };

  const stderr = 'unshare: unshare failed: Operation not permitted\n';

  it.each([
    ['kernel/unprivileged_userns_clone', '0', 'kernel.unprivileged_userns_clone is 0'],
    [
      'kernel/apparmor_restrict_unprivileged_userns',
      '1',
      'kernel.apparmor_restrict_unprivileged_userns is 1',
    ],
    ['user/max_user_namespaces', '0', 'user.max_user_namespaces is 0'],
  ])('names %s', (file, value, reason) => {
    const said = whyForbidden({ stderr, isRoot: false, sysctl: sysctl(file, value) });
    expect(said).toBe(
      `Only root may create namespaces on this host: ${reason}. Run it as root:\n    sudo multihomed demo`,
    );
  });

  it('is the kernel’s error if no sysctl explains it', () => {
    const said = whyForbidden({ stderr, isRoot: false, sysctl: '/nonexistent' });
    expect(said).toContain(`: ${stderr.trim()}. Run it as root`);
  });

  it('does not advise root to use sudo', () => {
    const said = whyForbidden({ stderr, isRoot: true, sysctl: '/nonexistent' });
    expect(said).toMatch(/^Root may not .* CAP_SYS_ADMIN/);
  });
});

describe.skipIf(whyNot() !== null)('demo: the limit of user namespaces is reached', () => {
  it('exits with 77 and one message', () => {
    // The limit of this user namespace.
    const script = `echo 0 >/proc/sys/user/max_user_namespaces
      exec setpriv --inh-caps=-all --ambient-caps=-all -- "$@"`;
    const namespaces = [
      '--user',
      '--map-user=1000',
      '--map-group=1000',
      '--keep-caps',
      '--',
      'sh',
      '-ec',
      script,
      'sh',
    ];
    const demo = [process.execPath, MAIN, 'demo'];
    const { status, stdout, stderr } = spawnSync('unshare', [...namespaces, ...demo], { encoding: 'utf8' });
    expect(stderr).toBe(
      'Only root may create namespaces on this host: user.max_user_namespaces is 0. Run it as root:\n    sudo multihomed demo\n',
    );
    expect(status).toBe(77);
    expect(stdout).toBe('');
  });
});
