/** 60-dhcp-modem beside the real systemd-networkd and NetworkManager. */
import { afterEach, describe, expect, it } from 'vitest';
import { find, whyNot } from '../neighbours/part.ts';
import { modem, plugInModem } from './provider.ts';
import { isWholeRoot } from './scripts.ts';
import { type Harness } from './harness.ts';
import { missing } from '../support/programs.ts';

// Real programs on a busy machine.
const unprivileged = isWholeRoot() ? null : 'root must be able to become other users';
const parts = { dnsmasq: 'dnsmasq-base', udhcpc: 'udhcpc', 'dbus-daemon': 'dbus' };
const noNetworkd = unprivileged ?? missing({ ...parts, networkctl: 'systemd' });
// It need not be installed: installing may let it manage the machine's own links.
const noManager =
  unprivileged ?? missing(parts) ?? whyNot({ NetworkManager: 'network-manager', nmcli: 'network-manager' });
if (noNetworkd !== null) console.log(`A modem under systemd-networkd is not tested: ${noNetworkd}.`);
if (noManager !== null) console.log(`A modem under NetworkManager is not tested: ${noManager}.`);

let harness: Harness;
afterEach(() => harness.end());

/** Starts a system bus, and a read-only /sys, by which both managers know that no udev runs. */
async function plugInAtSystem(unpacked = ''): Promise<void> {
  harness = await plugInModem('udhcpc');
  await harness.shell('ip link set modem0 up');
  // Files that are only unpacked are shown at their installed paths, with their rules for the bus.
  if (unpacked !== '')
    await harness.shell(`
      mount -t overlay -o lowerdir=${unpacked}/usr:/usr overlay /usr
      mount -t overlay -o lowerdir=${unpacked}/lib:/usr/lib overlay /usr/lib`);
  await harness.shell(`
    mkdir -p /run/dbus
    mount -t sysfs -o ro sysfs /sys
    dbus-daemon --system --fork --nopidfile`);
}

describe.skipIf(noNetworkd !== null)('a modem under systemd-networkd', () => {
  it('is left alone if networkd has a file for it', async () => {
    await plugInAtSystem();
    await harness.shell(`
      mkdir -p /run/systemd/network /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/netif/lldp
      chown -R systemd-network:systemd-network /run/systemd/netif
      printf '[Match]\\nName=modem0\\n[Network]\\nDHCP=ipv4\\n' >/run/systemd/network/10-modem.network
      /lib/systemd/systemd-networkd >/run/networkd.log 2>&1 &`);
    await harness.until('networkctl --no-legend list modem0 | grep -q configur');
    const { lines } = await harness.runHook('link-up', modem());
    expect(lines.join('\n')).toContain('modem0 is configured by systemd-networkd');
  });

  it('is configured by the hook if networkd has no file for it', async () => {
    await plugInAtSystem();
    await harness.shell(`
      mkdir -p /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/netif/lldp
      chown -R systemd-network:systemd-network /run/systemd/netif
      /lib/systemd/systemd-networkd >/run/networkd.log 2>&1 &`);
    await harness.until('networkctl --no-legend list modem0 | grep -q unmanaged');
    const { lines } = await harness.runHook('link-up', modem());
    expect(lines.join('\n')).toContain('starting udhcpc on modem0');
  });
});

describe.skipIf(noManager !== null)('a modem under NetworkManager', () => {
  it('is left alone while managed, and configured by the hook otherwise', async () => {
    await plugInAtSystem(find('NetworkManager')?.root);
    await harness.shell(`
      mount -t tmpfs tmpfs /var/lib
      mkdir /run/connections
      printf '[main]\\nplugins=keyfile\\ndns=none\\nno-auto-default=*\\n[keyfile]\\npath=/run/connections\\n' >/run/manager.conf
      NetworkManager --config=/run/manager.conf --no-daemon >/run/manager.log 2>&1 &`);
    await harness.until("nmcli -g GENERAL.STATE device show modem0 | grep -q '^[3-9]'");
    const managed = await harness.runHook('link-up', modem());
    expect(managed.lines.join('\n')).toContain('modem0 is configured by NetworkManager');
    await harness.shell('nmcli device set modem0 managed no');
    await harness.until("nmcli -g GENERAL.STATE device show modem0 | grep -q '^10 '");
    // It sets the link down when it stops managing it.
    await harness.shell('ip link set modem0 up');
    const free = await harness.runHook('link-up', modem());
    expect(free.lines.join('\n')).toContain('starting udhcpc on modem0');
  });
});
