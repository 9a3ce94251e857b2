/** `status` reports only problems that exist now. */
import { describe, expect } from 'vitest';
import type { Daemon } from '../support/daemon.ts';
import { test } from '../support/lab.ts';

const RULES = { 'eth*': 'subflow' };

describe('the userspace path manager enabled while a daemon runs', () => {
  const problems = async (daemon: Daemon): Promise<string | undefined> =>
    (await daemon.status())?.problems.join();

  test('is reported by status and the log until it is disabled', async ({ lab }) => {
    lab.cable('eth0').connect();
    const daemon = await lab.daemon(RULES);
    expect(await problems(daemon)).toBe('');
    lab.host.sysctl('net.mptcp.pm_type', 1);
    await expect.poll(() => problems(daemon)).toContain('userspace path manager');
    expect(daemon.log.split('userspace path manager')).toHaveLength(2);
    lab.host.sysctl('net.mptcp.pm_type', 0);
    await expect.poll(() => problems(daemon)).toBe('');
  });

  test('is reported in another namespace, too', async ({ lab }) => {
    lab.host.sysctl('net.mptcp.pm_type', 1);
    const daemon = lab.prepareFar(RULES, ['--netns', lab.host.name]);
    await expect.poll(() => daemon.log).toContain('userspace path manager');
  });
});
