/** The real systemd-networkd beside the daemon; it sees only the test's namespace and its own files. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Lab } from '../support/lab.ts';
import type { Cable } from '../support/cable.ts';
import { Background } from './background.ts';
import { find } from './part.ts';

/** `settings`: lines under [Network] of networkd.conf. The cable gets its address and default route from a file. */
export async function startNetworkd(
  lab: Lab,
  cable: Cable,
  settings: readonly string[],
): Promise<Background> {
  const program = find('systemd-networkd');
  if (program === null) throw new Error('systemd-networkd is not installed');
  const folder = join(lab.folder, 'networkd');
  for (const name of ['', 'network', 'networkd.conf.d', 'netif'])
    mkdirSync(join(folder, name), { mode: 0o755, recursive: true });
  for (const name of ['links', 'leases', 'lldp'])
    mkdirSync(join(folder, 'netif', name), { mode: 0o755, recursive: true });
  // It has a policy rule of its own; otherwise it would not check the others.
  const file = [
    ...['[Match]', `Name=${cable.device}`],
    ...['[Network]', `Address=${cable.prefixed()}`, `Gateway=${cable.gateway()}`, 'IPv6AcceptRA=no'],
    ...['[RoutingPolicyRule]', 'From=192.168.90.1', 'Table=90', ''],
  ];
  writeFileSync(join(folder, 'network', '10-cable.network'), file.join('\n'));
  writeFileSync(join(folder, 'networkd.conf.d', 'cable.conf'), ['[Network]', ...settings, ''].join('\n'));
  const background = new Background(lab.host);
  background.startMounted(
    `mount -t sysfs -o ro sysfs /sys
    mkdir -p /run/systemd && mount --bind "$0" /run/systemd
    chown -R systemd-network:systemd-network /run/systemd/netif
    exec "$1"`,
    [folder, program.path],
    { SYSTEMD_LOG_LEVEL: 'debug', SYSTEMD_LOG_TARGET: 'console' },
  );
  await expect
    .poll(() => background.log)
    .toContain(`${cable.device}: State changed: configuring -> configured`);
  return background;
}
