/** The device of a link, read from files in the format of sysfs and udev. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Link } from '../../src/netlink/route/link.ts';
import { readDevice } from '../../src/snapshot/driver.ts';
import { LINK } from '../support/objects.ts';

let root: string;
beforeEach(() => (root = mkdtempSync(join(tmpdir(), 'multihomed-sysfs-'))));
afterEach(() => rmSync(root, { recursive: true }));

const link = (words: Partial<Link> = {}): Link => ({
  ...LINK,
  ...{ index: 7, name: 'wwan0', hardware: '0c:5b:8f:00:00:01' },
  ...words,
});

/** Creates a folder below sys/devices on this bus. */
function device(path: string, bus: string): string {
  const folder = join(root, 'sys/devices', path);
  mkdirSync(folder, { recursive: true });
  symlinkSync(join(root, 'sys/bus', bus), join(folder, 'subsystem'));
  return folder;
}

function listed(bus: string, name: string, folder: string): void {
  const devices = join(root, 'sys/bus', bus, 'devices');
  mkdirSync(devices, { recursive: true });
  symlinkSync(folder, join(devices, name));
}

function put(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

/** Shows a link in sysfs, as in its own namespace. */
function shown({ name, index, hardware }: Link): void {
  put(`sys/class/net/${name}/ifindex`, `${index}\n`);
  put(`sys/class/net/${name}/address`, `${hardware}\n`);
}

const read = (of: Link) => readDevice(of, join(root, 'sys'), join(root, 'udev'));

/** A modem at a port of the hub on bus 1. */
function modem(port: string): Link {
  const controller = 'pci0000:00/0000:00:14.0';
  if (port === '2') {
    device(controller, 'pci');
    device(`${controller}/usb1`, 'usb');
    device(`${controller}/usb1/1-4`, 'usb');
  }
  device(`${controller}/usb1/1-4/1-4.${port}`, 'usb');
  const name = `1-4.${port}:1.0`;
  const folder = device(`${controller}/usb1/1-4/1-4.${port}/${name}`, 'usb');
  symlinkSync(join(root, 'sys/bus/usb/drivers/qmi_wwan'), join(folder, 'driver'));
  listed('usb', name, folder);
  return link({ parent: { bus: 'usb', device: name } });
}

describe('path of a device', () => {
  test('distinguishes two identical modems on one hub, as udev does', async () => {
    const [one, other] = [modem('2'), modem('3')];
    expect(await read(one)).toEqual({ driver: 'qmi_wwan', path: 'pci-0000:00:14.0-usb-0:4.2:1.0' });
    expect(await read(other)).toEqual({ driver: 'qmi_wwan', path: 'pci-0000:00:14.0-usb-0:4.3:1.0' });
  });

  test('ends at the last bridge for a card behind several', async () => {
    device('platform/soc', 'platform');
    device('platform/soc/0000:00:01.0', 'pci');
    listed('pci', '0000:01:00.0', device('platform/soc/0000:00:01.0/0000:01:00.0', 'pci'));
    const parent = { bus: 'pci', device: '0000:01:00.0' };
    expect((await read(link({ parent }))).path).toBe('platform-soc-pci-0000:01:00.0');
  });

  test('is read from udev’s database for the same link as in sysfs', async () => {
    const known = link();
    put('udev/n7', 'I:1234\nE:ID_NET_DRIVER=x\nE:ID_PATH=acpi-VMBUS:00\nG:systemd\n');
    expect((await read(known)).path).toBeNull();
    shown(known);
    expect((await read(known)).path).toBe('acpi-VMBUS:00');
    // A link of another namespace with the same index.
    expect((await read(link({ hardware: '02:00:00:00:00:01' }))).path).toBeNull();
  });

  test('is null for a virtual link and for names with ../', async () => {
    shown(link());
    expect(await read(link())).toEqual({ driver: null, path: null });
    const parent = { bus: 'usb', device: '../../../../etc' };
    expect(await read(link({ parent }))).toEqual({ driver: null, path: null });
  });
});
