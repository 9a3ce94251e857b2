/**
 * Driver and bus path of a link's device, from sysfs and udev's database. Neither changes while the link keeps its
 * name.
 */
import { readFile, readlink, realpath } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { Link } from '../netlink/route/link.ts';

export interface Device {
  /** Name of its driver; null: none. */
  readonly driver: string | null;
  /**
   * Where the device is plugged in, in the form of udev's ID_PATH:
   * `pci-0000:00:14.0-usb-0:2:1.0`; null: not on a bus.
   */
  readonly path: string | null;
}

const UDEV = '/run/udev/data';

/**
 * Reads the driver and path of the parent device that the kernel names. This works in any namespace and does not depend
 * on the interface's name. Linux before 5.14 names no parent: then the device is found by the interface's name, but
 * only if sysfs shows this very link, since it may show the `eth0` of another namespace. The same condition applies to
 * udev's database, which identifies links by index. Never rejects.
 * @param sysfs mount point, usually /sys
 * @param udev folder of udev's database
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

/** ID_PATH in udev's database (libudev's format: one property per line, as `E:NAME=value`). */
async function udevPath({ index }: Link, folder: string): Promise<string | null> {
  const text = await readFile(`${folder}/n${index}`, 'utf8').catch(() => '');
  return /^E:ID_PATH=(.+)$/m.exec(text)?.[1] ?? null;
}

/** The same path as udev's builtin path_id makes for PCI, USB and platform devices. */
async function devicePath(device: string): Promise<string | null> {
  const parts: string[] = [];
  let last: string | null = null;
  let folder = await realpath(device).catch(() => '/');
  for (; dirname(folder) !== '/'; folder = dirname(folder)) {
    const bus = basename(await readlink(`${folder}/subsystem`).catch(() => ''));
    // Of nested hubs or bridges only the device itself is part of the path.
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
