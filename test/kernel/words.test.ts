/** The log, `status` and the last line of the log describe the actual state. */
import { dirname } from 'node:path';
import { describe, expect } from 'vitest';
import { AS_SERVICE, finished, MAIN } from '../support/daemon.ts';
import { test, type Lab } from '../support/lab.ts';

const RULES = { 'eth*': 'subflow', 'wwan*': 'subflow backup' };
const PORT = { eth0: { flags: 'signal', port: 4433 } };

/** Starts a listener of another program on the port of a future endpoint. */
async function occupied(lab: Lab): Promise<void> {
  const script = `
    const server = require('node:net').createServer();
    server.listen(4433, '0.0.0.0', () => console.log('listening'));
    process.stdin.on('end', () => process.exit()).resume();`;
  const child = lab.host.spawn(process.execPath, ['-e', script]);
  await new Promise((resolve) => child.stdout?.once('data', resolve));
}

async function fillSlots(lab: Lab): Promise<void> {
  for (let id = 101; lab.host.endpoints().length === id - 101; id++) {
    try {
      lab.host.ip(`mptcp endpoint add 192.168.50.${id} id ${id} signal`);
    } catch {
      return;
    }
  }
}

const lastLine = (log: string): string => log.trim().split('\n').at(-1) ?? '';

describe('last log line at shutdown', () => {
  test('counts routes and policy rules without an endpoint', async ({ lab }) => {
    await fillSlots(lab);
    const eth = lab.cable('eth0').connect();
    const daemon = await lab.daemon(RULES);
    await expect.poll(() => daemon.stateOf(eth.address())).toMatch(/^no free slot/);
    const { stderr } = await daemon.stop();
    expect(lab.host.routes()).toHaveLength(2);
    expect(lastLine(stderr)).toMatch(/2 routes and 2 policy rules stay in the kernel; "multihomed flush"/);
  });

  test('counts endpoints, routes and policy rules', async ({ lab }) => {
    lab.cable('eth0').connect();
    const daemon = await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
    const { stderr } = await daemon.stop();
    expect(lastLine(stderr)).toMatch(/1 endpoint, 2 routes and 2 policy rules stay in the kernel/);
  });

  test('says that no object is in the kernel', async ({ lab }) => {
    const daemon = await lab.daemon(RULES);
    expect(lastLine((await daemon.stop()).stderr)).toMatch(/no object of multihomed is in the kernel/);
  });
});

describe('--once', () => {
  test('names a refused endpoint and exits with 2', async ({ lab }) => {
    lab.cable('eth0').connect();
    // On 6.1 a link gets its carrier a little later.
    await expect.poll(() => lab.host.ip('link show eth0')).toContain('state UP');
    await occupied(lab);
    const { code, stderr } = await lab.prepare(PORT, { args: ['--once'] }).finished();
    expect([code, lastLine(stderr)]).toEqual([2, expect.stringContaining('EADDRINUSE')]);
    expect(stderr).not.toContain('everything is done');
  });

  test('names a journal that cannot be written and exits with 2', async ({ lab }) => {
    lab.cable('eth0').connect();
    const folder = dirname(lab.host.journal());
    const { config } = lab.prepare(RULES, { args: ['--dry-run', '--once'] });
    const script = `
      mkdir -p ${folder}
      mount -t tmpfs -o size=4k,mode=755 tmpfs ${folder}
      echo >${folder}/lock
      chmod 600 ${folder}/lock
      head -c 8192 /dev/zero >${folder}/fill 2>/dev/null || true
      exec "$@"`;
    const daemon = [process.execPath, MAIN, 'run', '--once', '--config', config];
    const { code, stderr } = await finished(
      lab.host.spawn('unshare', ['--mount', 'sh', '-euc', script, 'sh', ...daemon]),
    );
    expect([code, stderr]).toEqual([2, expect.stringContaining('ENOSPC')]);
    expect(lastLine(stderr)).toMatch(/endpoint add/);
    expect(stderr).not.toContain('everything is done');
    expect(lab.host.endpoints()).toEqual([]);
  });

  test('started by the service manager after a flush, reports the pause and exits with 2', async ({
    lab,
  }) => {
    lab.cable('eth0').connect();
    await paused(lab);
    const { code, stderr } = await lab
      .prepare(RULES, { args: ['--once'], environment: AS_SERVICE })
      .finished();
    expect([code, lastLine(stderr)]).toEqual([2, expect.stringContaining('paused since')]);
  });
});

/** Leaves a namespace whose daemon was flushed and has ended. */
async function paused(lab: Lab): Promise<void> {
  const daemon = await lab.daemon(RULES);
  await expect.poll(() => lab.host.endpoints()).not.toHaveLength(0);
  expect((await daemon.command('flush')).code).toBe(0);
  await daemon.stop();
}

test('a daemon paused since an earlier flush logs the pause and how to end it', async ({ lab }) => {
  const eth = lab.cable('eth0').connect();
  await paused(lab);
  const daemon = await lab.daemon(RULES, { environment: AS_SERVICE });
  expect(daemon.log).toMatch(/paused since "multihomed flush"; resume with "multihomed reload"/);
  expect(await daemon.stateOf(eth.address())).toMatch(/^verified: paused since .*multihomed reload/);
  await daemon.reload();
  await expect.poll(() => daemon.stateOf(eth.address())).toMatch(/^active: /);
});

test('lingering: the reason names a rule that says ignore', async ({ lab }) => {
  const eth = lab.cable('eth0').connect();
  const daemon = await lab.daemon(RULES);
  await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
  const connections = await lab.connections();
  await connections.open(eth.address());
  await daemon.reconfigure({ 'eth*': 'ignore' });
  await expect.poll(() => daemon.stateOf(eth.address())).toMatch(/^lingering: the rule says ignore/);
});

test('one address with two prefix lengths is one uplink', async ({ lab }) => {
  const eth = lab.cable('eth0').connect();
  lab.host.ip(`address add ${eth.address()}/16 dev eth0`);
  const daemon = await lab.daemon({ 'eth*': { flags: 'subflow', 'per-interface': 'all' } });
  const states = async (): Promise<string[] | undefined> =>
    (await daemon.status())?.uplinks
      .filter(({ address }) => address === eth.address())
      .map(({ state, reason }) => `${state}: ${reason}`);
  await expect
    .poll(states)
    .toEqual([
      `active: default route through ${eth.gateway()}`,
      'ignored: the same address with the prefix length 24 comes first',
    ]);
  await expect.poll(() => daemon.log).toMatch(new RegExp(`eth0 ${eth.address()}: active`));
  expect(daemon.log).not.toMatch(/conflict/);
});
