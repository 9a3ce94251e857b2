/** The calls of a real hook script for real changes. */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { test, type Lab } from '../support/lab.ts';

/** Creates a hook that writes a line for each call, and the configuration that names it. */
function hooked(
  lab: Lab,
  rules: Record<string, unknown>,
  body = '',
): { text: string; calls: () => string[] } {
  const folder = join(lab.folder, 'hooks');
  const file = join(lab.folder, 'calls');
  mkdirSync(folder);
  const hook = join(folder, '10-tell');
  const line = '"$1 $2 $MULTIHOMED_ADDRESS $MULTIHOMED_FLAGS $MULTIHOMED_GATEWAY"';
  writeFileSync(hook, `#!/bin/sh\n${body}\necho ${line} >>${file}\n`);
  chmodSync(hook, 0o755);
  return {
    text: JSON.stringify({ rules, hooks: { path: folder } }),
    calls: () =>
      existsSync(file)
        ? readFileSync(file, 'utf8')
            .split('\n')
            .map((each) => each.trim())
            .filter(Boolean)
        : [],
  };
}

test('link-up, up, change, down and link-down run when they happen', async ({ lab }) => {
  const eth = lab.cable('eth0');
  lab.cable('wwan0').connect();
  const { text, calls } = hooked(lab, { 'eth*': 'subflow', 'wwan*': 'subflow backup' });
  const daemon = await lab.daemon(text);
  // The hooks of the links and of the uplink run in parallel. The first cable's link is down, but `device-add` runs.
  await expect
    .poll(() => calls().sort())
    .toEqual([
      'eth0 device-add',
      'wwan0 device-add',
      'wwan0 link-up',
      'wwan0 up 10.2.0.2 subflow backup 10.2.0.1',
    ]);
  const ofEth = (): string[] =>
    calls().filter((line) => line.startsWith('eth0') && !line.includes('device-add'));
  eth.up();
  await expect.poll(ofEth).toEqual(['eth0 link-up']);
  eth.addAddress().addDefault();
  const up = ['eth0 link-up', 'eth0 up 10.1.0.2 subflow 10.1.0.1'];
  await expect.poll(ofEth).toEqual(up);
  lab.host.ip('route replace default via 10.1.0.9 dev eth0');
  const changed = [...up, 'eth0 change 10.1.0.2 subflow 10.1.0.9'];
  await expect.poll(ofEth).toEqual(changed);
  // `down` carries the last known values.
  const down = [...changed, 'eth0 down 10.1.0.2 subflow 10.1.0.9'];
  eth.deleteDefault();
  await expect.poll(ofEth).toEqual(down);
  eth.down();
  await expect.poll(ofEth).toEqual([...down, 'eth0 link-down']);
  await daemon.stop();
  expect(ofEth()).toHaveLength(5);
});

test('an address that is replaced runs one change', async ({ lab }) => {
  lab.host.sysctl('net.ipv4.conf.all.promote_secondaries', 1);
  const eth = lab.cable('eth0').connect();
  const { text, calls } = hooked(lab, { 'eth*': 'subflow' });
  await lab.daemon(text);
  await expect.poll(calls).toHaveLength(3);
  eth.addAddress(4, 7).deleteAddress(4);
  await expect.poll(calls).toContain('eth0 change 10.1.0.7 subflow 10.1.0.1');
  await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
  expect(calls().filter((line) => / (up|down) /.test(line))).toHaveLength(1);
});

test('a restarted daemon does not run hooks again for an unchanged state', async ({ lab }) => {
  const eth = lab.cable('eth0').connect();
  const { text, calls } = hooked(lab, { 'eth*': 'subflow' });
  const first = await lab.daemon(text);
  await expect.poll(calls).toHaveLength(3);
  await first.stop('SIGKILL');
  const second = await lab.daemon(text);
  expect(await second.stateOf(eth.address())).toMatch(/^active/);
  await second.stop();
  expect(calls()).toHaveLength(3);
  // A link that is removed while no daemon runs is reported at the next start.
  lab.host.ip('link del eth0');
  await lab.daemon(text);
  await expect
    .poll(() => calls().slice(3).sort())
    .toEqual(['eth0 device-delete', 'eth0 down 10.1.0.2 subflow 10.1.0.1', 'eth0 link-down']);
});

test('a slow or failing hook does not delay network changes', async ({ lab }) => {
  const eth = lab.cable('eth0').connect();
  const end = join(lab.folder, 'end');
  const body = `while [ ! -e ${end} ]; do sleep 0.1; done; exit 7`;
  const { text, calls } = hooked(lab, { 'eth*': 'subflow', 'wwan*': 'subflow backup' }, body);
  const daemon = await lab.daemon(text);
  await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
  const wwan = lab.cable('wwan0').connect();
  await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
  eth.deleteDefault();
  await expect.poll(() => lab.host.endpointTexts()).toEqual([`${wwan.address()} wwan0 subflow,backup`]);
  expect(daemon.log).not.toContain('10-tell');
  writeFileSync(end, '');
  await expect.poll(() => daemon.log).toMatch(/10-tell.*7/);
  expect(calls()).toEqual([]);
});

test('--dry-run runs no hook', async ({ lab }) => {
  lab.cable('eth0').connect();
  const { text, calls } = hooked(lab, { 'eth*': 'subflow' });
  await lab.prepare(text, { args: ['--dry-run', '--once'] }).finished();
  expect(calls()).toEqual([]);
});

test('--once waits for its hooks', async ({ lab }) => {
  lab.cable('eth0').connect();
  const { text, calls } = hooked(lab, { 'eth*': 'subflow' });
  await lab.prepare(text, { args: ['--once'] }).finished();
  expect(calls().sort()).toEqual(['eth0 device-add', 'eth0 link-up', 'eth0 up 10.1.0.2 subflow 10.1.0.1']);
});

test('hooks: each change has its reason, its families and the path of the script', async ({ lab }) => {
  const eth = lab.cable('eth0').connect();
  const folder = join(lab.folder, 'hooks');
  const file = join(lab.folder, 'said');
  mkdirSync(folder);
  const hook = join(folder, '10-tell');
  const fields = '$1 $2 [$NM_DISPATCHER_ACTION] [$MULTIHOMED_FAMILIES] $MULTIHOMED_HOOK: $MULTIHOMED_REASON';
  writeFileSync(hook, `#!/bin/sh\necho "${fields}" >>${file}\n`);
  chmodSync(hook, 0o755);
  const said = (action: string): string[] =>
    existsSync(file)
      ? readFileSync(file, 'utf8')
          .split('\n')
          .filter((line) => line.startsWith(`eth0 ${action} `))
      : [];
  const line = (action: string, families: string, reason: string): string =>
    `eth0 ${action} [${action}] [${families}] ${hook}: ${reason}`;
  await lab.daemon(JSON.stringify({ rules: { 'eth*': 'subflow' }, hooks: { path: folder } }));
  await expect.poll(() => said('up')).toHaveLength(1);
  await expect
    .poll(() => said('device-add'))
    .toEqual([line('device-add', '', 'rule "eth*" selects the interface')]);
  lab.host.ip('link set eth0 down');
  await expect.poll(() => said('link-down')).toEqual([line('link-down', '', 'the link is down')]);
  // The last path of its family lingers.
  await expect
    .poll(() => said('down').at(-1))
    .toMatch(/^eth0 down \[down\] \[\] .*: lingering: the link is down;/);
  lab.host.ip('link set eth0 up');
  eth.addDefault();
  await expect.poll(() => said('up')).toHaveLength(2);
  // Simulates a modem that is unplugged.
  lab.host.ip('link del eth0');
  await expect.poll(() => said('down').at(-1)).toMatch(/: lingering: the interface is gone;/);
  await expect
    .poll(() => said('device-delete'))
    .toEqual([line('device-delete', '', 'the interface is gone')]);
  expect(said('link-down').at(-1)).toBe(line('link-down', '', 'the interface is gone'));
});
