/** What a reload does and prints, and what ends the pause after a flush. */
import { renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect } from 'vitest';
import { ask } from '../../src/control/client.ts';
import type { StatusDocument } from '../../src/control/document.ts';
import { AS_SERVICE, BY_HAND, configurationText, type Daemon } from '../support/daemon.ts';
import { isWholeRoot } from '../hooks/scripts.ts';
import { test, type Lab } from '../support/lab.ts';
import { stays } from '../support/stays.ts';

const RULES = { 'eth*': 'subflow' };
const OTHER = { 'eth*': 'subflow backup' };
const PAUSED = 'paused since "multihomed flush"; resume with "multihomed reload" while the daemon runs';

const flags = (lab: Lab): string[] => lab.host.endpoints().map((endpoint) => endpoint.flags.join(' '));

/** Replaces the configuration as an editor does, by a rename. */
function replace(daemon: Daemon, rules: Record<string, unknown>): void {
  writeFileSync(`${daemon.config}.new`, configurationText(rules), { mode: 0o644 });
  renameSync(`${daemon.config}.new`, daemon.config);
}

async function begun(lab: Lab): Promise<Daemon> {
  lab.cable('eth0').connect();
  const daemon = await lab.daemon(RULES);
  await expect.poll(() => flags(lab)).toEqual(['subflow']);
  return daemon;
}

async function flushed(lab: Lab): Promise<Daemon> {
  const daemon = await begun(lab);
  expect(await daemon.command('flush')).toMatchObject({ code: 0 });
  expect(flags(lab)).toEqual([]);
  return daemon;
}

describe('multihomed reload', () => {
  test('returns when the difference was applied, and prints the files that were read', async ({ lab }) => {
    const daemon = await begun(lab);
    lab.cable('wwan0').connect();
    replace(daemon, { ...RULES, 'wwan*': 'subflow backup' });
    const { code, stdout } = await daemon.command('reload');
    expect(flags(lab)).toEqual(['subflow', 'subflow backup']);
    expect([code, stdout]).toEqual([0, expect.stringContaining(`2 rules read from ${daemon.config}\n`)]);
    expect(JSON.parse((await daemon.command('reload', '--json')).stdout)).toEqual({
      version: 1,
      rules: 2,
      files: [daemon.config],
      warnings: [],
      done: [],
      undone: [],
    });
  });

  test('with errors: prints them, exits with 78 and keeps the old configuration', async ({ lab }) => {
    const daemon = await begun(lab);
    daemon.configure('rules:\n  eth0: subflw\n');
    const { code, stderr } = await daemon.command('reload');
    expect([code, stderr]).toEqual([78, expect.stringMatching(/config\.yaml:2:\d+.*subflw/)]);
    expect(flags(lab)).toEqual(['subflow']);
    expect(daemon.log).toMatch(/config\.yaml:2:\d+.*subflw/);
    expect((await daemon.status())?.problems.join()).toMatch(/has errors.*config\.yaml:2:\d+/);
    daemon.configure(RULES);
    expect((await daemon.command('reload')).code).toBe(0);
    expect((await daemon.status())?.problems).toEqual([]);
  });

  test('exits with 75 without a daemon and with 77 as a user other than root', async ({ lab }) => {
    const daemon = await begun(lab);
    // A user namespace has no other user to become, so only the tests as root check this.
    if (isWholeRoot()) {
      const weak = await lab.withPrivileges(['--reuid=65534', '--clear-groups'], ['reload']);
      expect([weak.code, weak.stderr]).toEqual([77, expect.stringContaining('needs root')]);
    }
    await daemon.stop();
    const { code, stderr } = await daemon.command('reload');
    expect([code, stderr]).toEqual([75, expect.stringContaining('no daemon is running')]);
  });

  test('ends the pause', async ({ lab }) => {
    const daemon = await flushed(lab);
    expect(await daemon.command('reload')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('endpoint add'),
    });
    expect(flags(lab)).toEqual(['subflow']);
    expect((await daemon.status())?.daemon?.paused).toBe(false);
  });
});

describe('a pause', () => {
  test('is shown by status, plan and explain with the command that ends it', async ({ lab }) => {
    const daemon = await flushed(lab);
    expect((await daemon.status())?.daemon).toMatchObject({ paused: true });
    for (const words of [['status'], ['explain', 'eth0'], ['plan', '--config', daemon.config], ['doctor']]) {
      const { stdout } = await daemon.command(...words);
      expect(stdout, words.join(' ')).toContain('paused since "multihomed flush"');
      expect(stdout, words.join(' ')).toContain('multihomed reload');
      expect(stdout, words.join(' ')).not.toMatch(/systemctl start|kill -HUP|the kernel has what it should/);
    }
    expect(daemon.log).toContain('resume with "multihomed reload"');
  });

  test.for([0, 120, 250])(
    'does not end at a change of the rules file %i ms before the flush',
    async (wait, { lab }) => {
      const daemon = await begun(lab);
      const socket = join(dirname(lab.host.journal()), 'control');
      replace(daemon, OTHER);
      // After a longer wait, the daemon has read more of the configuration.
      await new Promise((resume) => setTimeout(resume, wait));
      expect(await ask(socket, { ask: 'flush' })).toContainEqual(expect.stringContaining('endpoint delete'));
      const status = async (): Promise<StatusDocument> =>
        (await ask(socket, { ask: 'status' })) as StatusDocument;
      // The changes are read nevertheless.
      await expect
        .poll(async () => (await status()).uplinks[0])
        .toMatchObject({ flags: ['subflow', 'backup'], reason: PAUSED });
      await stays(() => lab.host.endpoints());
      expect(flags(lab)).toEqual([]);
      expect((await status()).daemon?.paused).toBe(true);
    },
  );

  test('ends at a change of the rules file', async ({ lab }) => {
    const daemon = await flushed(lab);
    replace(daemon, OTHER);
    await expect.poll(() => flags(lab), { timeout: 5_000 }).toEqual(['subflow backup']);
  });

  test('ends at a change after the flush, even if the file had also changed just before the flush', async ({
    lab,
  }) => {
    const daemon = await begun(lab);
    replace(daemon, OTHER);
    expect(await daemon.command('flush')).toMatchObject({ code: 0 });
    replace(daemon, RULES);
    await expect.poll(() => flags(lab), { timeout: 5_000 }).toEqual(['subflow']);
  });

  test('does not end at a change with errors, but when they are corrected', async ({ lab }) => {
    const daemon = await flushed(lab);
    daemon.configure('rules: 7');
    await expect.poll(() => daemon.log, { timeout: 5_000 }).toContain('has errors');
    expect((await daemon.status())?.daemon?.paused).toBe(true);
    daemon.configure(OTHER);
    await expect.poll(() => flags(lab), { timeout: 5_000 }).toEqual(['subflow backup']);
  });

  test.for([
    ['by hand', BY_HAND],
    ['in a terminal that is a service', { ...BY_HAND, INVOCATION_ID: '01', SYSTEMD_EXEC_PID: '1' }],
  ] as const)('ends at a start %s', async ([, environment], { lab }) => {
    const daemon = await flushed(lab);
    await daemon.stop('SIGKILL');
    lab.prepare(RULES, { environment });
    await expect.poll(() => flags(lab), { timeout: 10_000 }).toEqual(['subflow']);
  });

  test('does not end at a restart after a crash unless a file was changed', async ({ lab }) => {
    const daemon = await flushed(lab);
    await daemon.stop('SIGKILL');
    const next = await lab.daemon(RULES, { environment: AS_SERVICE });
    await stays(() => lab.host.endpoints());
    expect([flags(lab), (await next.status())?.daemon?.paused]).toEqual([[], true]);
    await next.stop('SIGKILL');
    await lab.daemon(OTHER, { environment: AS_SERVICE });
    await expect.poll(() => flags(lab)).toEqual(['subflow backup']);
  });
});
