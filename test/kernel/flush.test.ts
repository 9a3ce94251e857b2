/** `flush` removes everything that multihomed added, unless that would cut connections. */
import { describe, expect } from 'vitest';
import { finished, MAIN, type Finished } from '../support/daemon.ts';
import { test } from '../support/lab.ts';
import { stays } from '../support/stays.ts';

const RULES = { 'eth*': 'subflow', 'wwan*': 'subflow backup' };

describe('flush', () => {
  test('with a daemon: removes all owned objects and pauses the daemon until reload', async ({ lab }) => {
    const eth = lab.cable('eth0').connect().addAddress(6).addDefault(6);
    lab.host.ip('mptcp endpoint add 192.168.50.1 id 9 signal');
    const before = lab.host.state();
    const daemon = await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(3);
    const { code, stdout } = await daemon.command('flush');
    expect(code).toBe(0);
    expect(stdout).toContain(`endpoint delete ${eth.address()}`);
    expect(lab.host.state()).toEqual(before);
    eth.deleteDefault().addDefault();
    lab.cable('wwan0').connect();
    await stays(() => lab.host.endpoints());
    expect(lab.host.endpoints()).toHaveLength(1);
    expect((await daemon.command('status')).stdout).toContain(
      'paused since "multihomed flush"; resume with "multihomed reload"',
    );
    await daemon.reload();
    await expect.poll(() => lab.host.endpoints()).toHaveLength(4);
  });

  test('without a daemon: removes all owned objects', async ({ lab }) => {
    lab.cable('eth0').connect().addAddress(6).addDefault(6);
    lab.host.ip('mptcp endpoint add 192.168.50.1 id 9 signal');
    const before = lab.host.state();
    const daemon = await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(3);
    await daemon.stop();
    expect((await daemon.command('flush')).code).toBe(0);
    expect(lab.host.state()).toEqual(before);
    expect((await daemon.command('flush')).code).toBe(0);
  });

  test.for([true, false])(
    'refuses to cut open connections without --force; daemon: %s',
    async (runs, { lab }) => {
      const eth = lab.cable('eth0').connect();
      const daemon = await lab.daemon(RULES);
      await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
      const connections = await lab.connections();
      await connections.open(eth.address());
      await connections.open(eth.address());
      if (!runs) await daemon.stop();
      const before = lab.host.state();
      const refused = await daemon.command('flush');
      expect(refused.code).not.toBe(0);
      expect(refused.stderr).toMatch(/2 open MPTCP connections[^]*\n {4}multihomed flush --force\n/);
      expect(lab.host.state()).toEqual(before);
      expect((await daemon.command('flush', '--force')).code).toBe(0);
      expect(lab.host.endpoints()).toEqual([]);
      expect(lab.host.rules()).toEqual([]);
    },
  );

  test('counts a connection whose other subflow is closing on a lost link', async ({ lab }) => {
    for (const device of ['eth0', 'wwan0']) lab.cable(device).connect();
    const daemon = await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
    const connections = await lab.connections();
    await connections.open('10.1.0.2');
    await expect.poll(() => connections.subflows()).toHaveLength(2);
    lab.host.ip('link delete wwan0');
    await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
    expect(lab.host.sh('ss -tnH state fin-wait-1')).toContain('10.2.0.2');
    const refused = await daemon.command('flush');
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('1 open MPTCP connection')]);
  });

  test.for([
    ['the variable itself', ['"$@"'], 'found by SSH_CONNECTION'],
    [
      'a caller with the variable, as with sudo',
      ['env -u SSH_CONNECTION "$@"; exit $?'],
      'found by the environment of process',
    ],
    [
      'a caller of that caller, as with su',
      ['env -u SSH_CONNECTION sh -c \'"$@"; exit $?\' sh "$@"; exit $?'],
      'found by the environment of process',
    ],
  ] as const)('refuses to cut the SSH session that runs it: %s', async ([, [script], found], { lab }) => {
    const eth = lab.cable('eth0').connect();
    await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
    const session = `198.51.100.1 50022 ${eth.address()} 22`;
    const flush = (words: string): Promise<Finished> =>
      finished(
        lab.host.spawn('sh', ['-c', words, 'sh', process.execPath, MAIN, 'flush'], {
          SSH_CONNECTION: session,
        }),
      );
    const { code, stderr } = await flush(script);
    expect(stderr).toContain('would cut this SSH session (from 198.51.100.1, ');
    expect(stderr).toContain(found);
    expect(code).toBe(2);
    expect(lab.host.endpoints()).toHaveLength(1);
    // A session that uses no route of multihomed is not affected.
    const elsewhere = script.replace('"$@"', 'SSH_CONNECTION="198.51.100.1 50022 127.0.0.1 22" "$@"');
    expect((await flush(elsewhere)).code).toBe(0);
  });

  test('does not count a connection that keeps another subflow', async ({ lab }) => {
    const eth = lab.cable('eth0').connect();
    const wwan = lab.cable('wwan0').connect();
    const daemon = await lab.daemon({ 'wwan*': 'subflow' });
    await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
    const connections = await lab.connections();
    const connection = await connections.open(eth.address());
    await expect.poll(() => connections.subflows()).toEqual([eth.address(), wwan.address()]);
    expect((await daemon.command('flush')).code).toBe(0);
    expect(lab.host.endpoints()).toEqual([]);
    await connection.echo('still here');
  });
});
