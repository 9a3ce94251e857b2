/** The driver behind a link, from sysfs: it never changes while the link lives. */
import { readFile, readlink } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Link } from '../netlink/route/link.ts';

/**
 * By the parent device that the kernel itself names (any namespace, no trust in the interface's name); or, before
 * Linux 5.14, by the interface's name where sysfs shows this very link: it may show another namespace's `eth0`.
 */
export async function readDriver(link: Link, sysfs: string): Promise<string | null> {
  if (link.parent) {
    const { bus, device } = link.parent;
    if (safe(bus) && safe(device)) return driverAt(`${sysfs}/bus/${bus}/devices/${device}`);
  }
  const folder = `${sysfs}/class/net/${link.name}`;
  if (!safe(link.name) || !(await shows(folder, link))) return null;
  return driverAt(`${folder}/device`);
}

async function driverAt(device: string): Promise<string | null> {
  const target = await readlink(`${device}/driver`).catch(() => null);
  return target === null ? null : basename(target);
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
