/** Only one daemon can run in a network namespace, even if two have different /run folders. */
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { finished, MAIN, type Daemon, type Finished } from '../support/daemon.ts';
import { test, type Lab } from '../support/lab.ts';
import type { Netns } from '../support/netns.ts';
import { stays } from '../support/stays.ts';

const RULES = { 'eth*': 'subflow' };

/** Starts a daemon with a /run of its own, as in a container with the host's network. */
function contained(lab: Lab, { config }: Daemon, netns: Netns, ...args: string[]): Promise<Finished> {
  const script = `
    mkdir -p $1
    mount --rbind /run/netns $1
    mount -t tmpfs -o mode=755 tmpfs /run
    mkdir /run/netns
    mount --rbind $1 /run/netns
    shift
    exec "$@"`;
  const daemon = [process.execPath, MAIN, 'run', '--config', config, ...args];
  const namespaces = ['--mount', 'sh', '-euc', script, 'sh', join(lab.folder, 'netns')];
  return finished(netns.spawn('unshare', [...namespaces, ...daemon]));
}

async function activeDaemon(lab: Lab): Promise<Daemon> {
  lab.cable('eth0').connect();
  const daemon = await lab.daemon(RULES);
  await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
  await lab.host.linkLocal('eth0');
  return daemon;
}

describe('a second daemon with another /run', () => {
  test('exits at once, names the running daemon and changes nothing', async ({ lab }) => {
    const first = await activeDaemon(lab);
    const monitor = await lab.monitor('route', 'rule');
    const before = lab.host.state();
    const { code, stderr } = await contained(lab, first, lab.host);
    expect(stderr).toContain(`another multihomed (pid ${first.pid} where it runs)`);
    expect(stderr).toContain('with another /run');
    expect(code).toBe(75);
    expect(await stays(() => lab.host.state())).toEqual(before);
    expect(monitor.texts()).toEqual([]);
    expect(first.runs).toBe(true);
  });

  test('exits too if started from outside with --netns', async ({ lab }) => {
    const first = await activeDaemon(lab);
    const { code, stderr } = await contained(lab, first, lab.provider, '--netns', lab.host.name);
    expect(stderr).toContain(`another multihomed (pid ${first.pid}`);
    expect(code).toBe(75);
  });

  test('may run with --dry-run', async ({ lab }) => {
    const first = await activeDaemon(lab);
    expect((await contained(lab, first, lab.host, '--dry-run', '--once')).code).toBe(0);
  });

  test('takes over after the first daemon exited or was killed', async ({ lab }) => {
    const first = await activeDaemon(lab);
    await first.stop('SIGKILL');
    expect(await contained(lab, first, lab.host, '--once')).toMatchObject({ code: 0 });
  });
});

test('two network namespaces: one daemon in each', async ({ lab }) => {
  await activeDaemon(lab);
  const other = lab.prepareFar(RULES, ['--netns', lab.provider.name, '--once']);
  expect(await other.finished()).toMatchObject({ code: 0 });
});
