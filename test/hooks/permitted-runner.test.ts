/** What the configuration permits a runner that has more privileges than the daemon. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { hookEnvironment } from '../../src/hooks/environment.ts';
import { permittedRunner } from '../../src/hooks/permitted-runner.ts';
import type { HookRequest, HookRunner } from '../../src/hooks/runner.ts';
import { uplink } from './facts.ts';
import { scripts } from './scripts.ts';

function permitted(): {
  configure: (text: string) => void;
  run: (changes?: Partial<HookRequest>) => Promise<unknown>;
  ran: HookRequest[];
} {
  const etc = join(scripts().root, 'multihomed');
  mkdirSync(etc);
  const ran: HookRequest[] = [];
  const inner: HookRunner = {
    run: (request) => Promise.resolve(void ran.push(request) as unknown as []),
    stop: () => Promise.resolve(),
  };
  const runner = permittedRunner(inner, { etc, usr: join(etc, 'none') });
  const file = join(etc, 'config.yaml');
  return {
    ran,
    configure: (text) => {
      rmSync(file, { force: true });
      if (text !== '') writeFileSync(file, text, { mode: 0o644 });
    },
    run: (changes = {}) =>
      runner.run({
        action: 'up',
        interface: 'wwan0',
        environment: hookEnvironment('up', uplink()),
        timeout: 1000,
        user: 'root',
        folders: ['/etc/multihomed/hooks.d', '/usr/lib/multihomed/hooks.d'],
        ...changes,
      }),
  };
}

const ran = (requests: readonly HookRequest[]): unknown[] =>
  requests.map(({ user, folders }) => [user, ...folders]);
const USUAL = ['root', '/etc/multihomed/hooks.d', '/usr/lib/multihomed/hooks.d'];

test('without a configuration: the usual folders as root, also if the daemon asks for others', async () => {
  const tested = permitted();
  await tested.run();
  await tested.run({ folders: ['/usr/bin'] });
  await tested.run({ user: 'nobody' });
  expect(ran(tested.ran)).toEqual([USUAL, USUAL, USUAL]);
});

test('the folders and the user of the configuration, also when it changes', async () => {
  const tested = permitted();
  tested.configure('hooks: { user: nobody, path: [/opt/hooks] }\n');
  await tested.run();
  await tested.run({ folders: ['/usr/bin'] });
  tested.configure('');
  await tested.run({ folders: ['/opt/hooks'], user: 'nobody' });
  const configured = ['nobody', '/opt/hooks'];
  expect(ran(tested.ran)).toEqual([configured, configured, USUAL]);
});

test('errors in the configuration: the previous settings are kept; without any, only the usual hooks run', async () => {
  const tested = permitted();
  tested.configure('rules: [\n');
  await expect(tested.run({ user: 'nobody' })).rejects.toThrow('the configuration has errors');
  await expect(tested.run({ folders: ['/usr/bin'] })).rejects.toThrow('the configuration has errors');
  await tested.run();
  tested.configure('hooks: { user: nobody, path: [/opt/hooks] }\n');
  await tested.run();
  tested.configure('rules: [\n');
  await tested.run();
  const configured = ['nobody', '/opt/hooks'];
  expect(ran(tested.ran)).toEqual([USUAL, configured, configured]);
});
