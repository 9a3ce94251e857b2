/** The device behind a link, from sysfs and udev's database: it never changes while the link has its name. */
import { readFile, readlink, realpath } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { Link } from '../netlink/route/link.ts';

export interface Device {
  /** Name of its driver; null: none. */
  readonly driver: string | null;
  /** Where it is plugged in, as udev's ID_PATH: `pci-0000:00:14.0-usb-0:2:1.0`; null: nowhere. */
  readonly path: string | null;
}

const UDEV = '/run/udev/data';

/**
 * By the parent device that the kernel itself names (any namespace, no trust in the interface's name); or, before
 * Linux 5.14, by the interface's name where sysfs shows this very link: it may show another namespace's `eth0`. The same
 * holds for udev's database, which knows links by their index.
 */
export async function readDevice(link: Link, sysfs: string, udev = UDEV): Promise<Device> {
  const folder = safe(link.name) ? `${sysfs}/class/net/${link.name}` : null;
  const shown = folder !== null && (await shows(folder, link));
  const device = parentOf(link, sysfs) ?? (shown ? `${folder}/device` : null);
  if (device === null) return { driver: null, path: shown ? await udevPath(link, udev) : null };
  const target = await readlink(`${device}/driver`).catch(() => null);
  const known = shown ? await udevPath(link, udev) : null;
  return {
    driver: target === null ? null : basename(target),
    path: known ?? (await devicePath(device)),
  };
}

function parentOf({ parent }: Link, sysfs: string): string | null {
  return parent && safe(parent.bus) && safe(parent.device)
    ? `${sysfs}/bus/${parent.bus}/devices/${parent.device}`
    : null;
}

/** ID_PATH in the database of udev (libudev's format: one property a line, as `E:NAME=value`). */
async function udevPath({ index }: Link, folder: string): Promise<string | null> {
  const text = await readFile(`${folder}/n${index}`, 'utf8').catch(() => '');
  return /^E:ID_PATH=(.+)$/m.exec(text)?.[1] ?? null;
}

/** As udev's builtin path_id makes it for PCI, USB and platform devices. */
async function devicePath(device: string): Promise<string | null> {
  const parts: string[] = [];
  let last: string | null = null;
  let folder = await realpath(device).catch(() => '/');
  for (; dirname(folder) !== '/'; folder = dirname(folder)) {
    const bus = basename(await readlink(`${folder}/subsystem`).catch(() => ''));
    // Of a row of hubs or bridges the device itself is enough.
    const part: string | null = bus === last ? null : partOf(bus, basename(folder));
    if (part !== null) parts.unshift(part);
    if (part !== null) last = bus;
  }
  return parts.length ? parts.join('-') : null;
}

function partOf(bus: string, name: string): string | null {
  if (bus === 'pci' || bus === 'platform') return `${bus}-${name}`;
  // 1-2:1.0: bus 1, port 2, interface 1.0.
  const [, port] = bus === 'usb' ? (/^\d+-(.+)$/.exec(name) ?? []) : [];
  return port === undefined ? null : `usb-0:${port}`;
}

async function shows(folder: string, link: Link): Promise<boolean> {
  const content = async (file: string): Promise<string | null> =>
    readFile(`${folder}/${file}`, 'utf8').then(
      (text) => text.trim(),
      () => null,
    );
  return (await content('ifindex')) === `${link.index}` && (await content('address')) === link.hardware;
}

const safe = (name: string): boolean => name !== '' && name !== '.' && name !== '..' && !name.includes('/');
