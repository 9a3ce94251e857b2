/** Rules that select links by MAC address and path. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { expect } from 'vitest';
import { finished, MAIN } from '../support/daemon.ts';
import { test } from '../support/lab.ts';

const UDEV = '/run/udev/data';

test('match: MAC address selects one of two similar links', async ({ lab }) => {
  for (const [name, address] of [
    ['eth0', '0c:5b:8f:00:00:01'],
    ['eth1', '0c:5b:8f:00:00:02'],
  ] as const) {
    const cable = lab.cable(name);
    lab.host.ip(`link set ${name} address ${address}`);
    cable.connect();
  }
  await lab.daemon({
    '*': { flags: 'subflow backup', match: { 'mac-address': '0C:5B:8F:*:02' } },
    'eth*': 'subflow',
  });
  await expect
    .poll(() => lab.host.endpointTexts())
    .toEqual(['10.1.0.2 eth0 subflow', '10.2.0.2 eth1 subflow,backup']);
});

test('match: path from udev’s database selects a link', async ({ lab }) => {
  lab.cable('eth0').connect();
  lab.cable('eth1').connect();
  const files = (['eth0', 'eth1'] as const).map((name) => `${UDEV}/n${lab.host.index(name)}`);
  mkdirSync(UDEV, { recursive: true });
  try {
    files.forEach((file, at) => writeFileSync(file, `E:ID_PATH=pci-0000:00:14.0-usb-0:${at + 1}:1.0\n`));
    const config = `${lab.folder}/match.yaml`;
    writeFileSync(config, 'rules: { "eth*": { flags: subflow, match: { path: "pci-*-usb-0:2:*" } } }', {
      mode: 0o644,
    });
    // sysfs shows the links of the namespace in which it was mounted.
    const script = 'mount -t sysfs sysfs /sys && exec "$@"';
    const command = [process.execPath, MAIN, 'plan', '--config', config];
    const args = ['--mount', 'sh', '-c', script, 'sh', ...command];
    const { stdout, stderr } = await finished(lab.host.spawn('unshare', args));
    expect(stderr).toBe('');
    expect(stdout).toContain('10.2.0.2');
    expect(stdout).not.toContain('10.1.0.2');
  } finally {
    for (const file of files) rmSync(file, { force: true });
  }
});
