/** Inside a user namespace the host's root and any unmapped user appear as one uid (65534); neither counts as root. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { finished, MAIN, type Finished } from '../support/daemon.ts';
import type { Lab } from '../support/lab.ts';
import { socketOf, test } from './attacker.ts';

const RULES = { 'eth*': 'subflow' };
const USER = 65_533;
const BECOME = ['setpriv', `--reuid=${USER}`, `--regid=${USER}`, '--clear-groups', '--'];
const UNMAPPED = 'a user whom this user namespace does not map (shown as uid 65534), who may be anyone';

/** `shell` prepares a private /run before the user's own `multihomed run --once`, as root of a user namespace. */
function startIn(lab: Lab, shell: string, config: string): Promise<Finished> {
  const script = `mount -t tmpfs -o mode=755 tmpfs /run; ${shell}; exec "$@"`;
  const daemon = [process.execPath, MAIN, 'run', '--once', '--config', config];
  return finished(
    lab.host.spawn('unshare', [
      ...['--mount', 'sh', '-euc', script, 'sh'],
      ...[...BECOME, 'unshare', '--user', '--map-root-user', '--net', '--', ...daemon],
    ]),
  );
}

test('user namespace: a runtime folder of an unmapped user is refused, one of the caller is used', async ({
  lab,
  attack,
}) => {
  // Only for root over other users.
  expect(attack).toBeTypeOf('function');
  const config = join(lab.folder, 'config.json');
  writeFileSync(config, JSON.stringify({ rules: RULES }), { mode: 0o644 });
  // The configuration must belong to the caller there.
  const own = `mkdir -m 755 /run/etc; cp ${config} /run/etc/; chown -R ${USER} /run/etc`;
  const start = (owner: number): Promise<Finished> =>
    startIn(
      lab,
      `${own}; mkdir -m 755 /run/multihomed; chown ${owner} /run/multihomed`,
      '/run/etc/config.json',
    );
  const [root, stranger, caller] = await Promise.all([start(0), start(1), start(USER)]);
  for (const refused of [root, stranger])
    expect([refused.code, refused.stderr]).toEqual([
      77,
      expect.stringContaining(`/run/multihomed belongs to ${UNMAPPED}`),
    ]);
  expect([caller.code, caller.stderr]).toEqual([0, expect.stringContaining('everything is done')]);
});

test('user namespace: no command asks a daemon of an unmapped user', async ({ lab, attack }) => {
  expect(attack).toBeTypeOf('function');
  lab.cable('eth0').connect();
  const daemon = await lab.daemon(RULES);
  await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
  const commands = [
    ['status'],
    ['status', '--json'],
    ['explain', 'eth0'],
    ['doctor'],
    ['monitor'],
    ['reload'],
    ['flush', '--force'],
  ];
  const ask = async (words: readonly string[], within: readonly string[]): Promise<unknown> => {
    const [program = '', ...args] = [...BECOME, ...within, process.execPath, MAIN, ...words];
    const { code, stderr } = await finished(lab.host.spawn(program, args));
    return [
      words.join(' '),
      code,
      stderr.includes(`${socketOf(lab)}: not trusted, because it belongs to ${UNMAPPED}`),
    ];
  };
  for (const words of commands)
    expect(await ask(words, ['unshare', '--user', '--map-root-user'])).toEqual([words.join(' '), 77, true]);
  // Unmapped itself, it appears as the same uid as the daemon.
  expect(await ask(['status'], ['unshare', '--user'])).toEqual(['status', 77, true]);
  // The same user outside of a user namespace gets an answer.
  expect(await ask(['status'], [])).toEqual(['status', 0, false]);
  expect(daemon.log).not.toMatch(/flushed|reloaded/);
  expect(daemon.runs).toBe(true);
});
