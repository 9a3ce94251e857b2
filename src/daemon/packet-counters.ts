/**
 * Reads the packet counters of links many times a second. Reading a file of sysfs that stays open takes a hundredth of
 * the time of a netlink request. Netlink is used where /sys shows the links of another namespace.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import type { Requester } from '../netlink/connection.ts';
import { NetlinkError } from '../netlink/error.ts';
import { getLinkStats, type LinkStats } from '../netlink/route/stats.ts';

interface OpenLink {
  readonly name: string;
  /** Descriptors of the files. */
  readonly received: number;
  readonly sent: number;
}

/** Bytes of the buffer: more than a 64-bit counter in decimal and its line feed. */
const LENGTH = 32;

export class PacketCounters {
  readonly #route: Requester;
  readonly #sysfs: string;
  /** By interface index; null: sysfs does not show this link. */
  readonly #links = new Map<number, OpenLink | null>();
  readonly #buffer = Buffer.alloc(LENGTH);

  constructor(route: Requester, sysfs = '/sys') {
    this.#route = route;
    this.#sysfs = sysfs;
  }

  /**
   * The counters of a link.
   * @returns null: there is no such link
   * @throws NetlinkError, DecodeError
   */
  async read(ifindex: number, name: string): Promise<LinkStats | null> {
    const stats = this.readNow(ifindex, name);
    if (stats) return stats;
    const link = this.#links.get(ifindex);
    if (link === undefined || (link && link.name !== name)) {
      this.#close(ifindex);
      return this.#open(ifindex, name);
    }
    return this.#request(ifindex);
  }

  /** The counters of a link whose files are open; null: they are not, or the link is gone. */
  readNow(ifindex: number, name: string): LinkStats | null {
    const link = this.#links.get(ifindex);
    return link && link.name === name ? this.#readFiles(link) : null;
  }

  /** Closes the files of links that are not in `indices`. */
  keep(indices: ReadonlySet<number>): void {
    for (const ifindex of this.#links.keys()) if (!indices.has(ifindex)) this.#close(ifindex);
  }

  /** Closes all files. */
  close(): void {
    for (const ifindex of this.#links.keys()) this.#close(ifindex);
    this.#links.clear();
  }

  /**
   * Opens the files. They show this very link if their counters lie between those of a netlink request before and
   * after.
   */
  async #open(ifindex: number, name: string): Promise<LinkStats | null> {
    const before = await this.#request(ifindex);
    const link = before && this.#openFiles(name);
    const shown = link && this.#readFiles(link);
    const after = await this.#request(ifindex);
    const same = before && shown && after && isBetween(before, shown, after);
    if (link && !same) closeFiles(link);
    this.#links.set(ifindex, same ? link : null);
    return after;
  }

  async #request(ifindex: number): Promise<LinkStats | null> {
    try {
      return await getLinkStats(this.#route, ifindex);
    } catch (error) {
      if (error instanceof NetlinkError && error.code === 'ENODEV') return null;
      throw error;
    }
  }

  #openFiles(name: string): OpenLink | null {
    const folder = `${this.#sysfs}/class/net/${name}/statistics`;
    let received: number | null = null;
    try {
      received = openSync(`${folder}/rx_packets`, 'r');
      return { name, received, sent: openSync(`${folder}/tx_packets`, 'r') };
    } catch {
      if (received !== null) closeSync(received);
      return null;
    }
  }

  #readFiles({ received, sent }: OpenLink): LinkStats | null {
    try {
      return { received: this.#number(received), sent: this.#number(sent) };
    } catch {
      return null;
    }
  }

  #number(fd: number): number {
    const length = readSync(fd, this.#buffer, 0, LENGTH, 0);
    return Number(this.#buffer.toString('latin1', 0, length));
  }

  #close(ifindex: number): void {
    const link = this.#links.get(ifindex);
    if (link) closeFiles(link);
    this.#links.delete(ifindex);
  }
}

function closeFiles({ received, sent }: OpenLink): void {
  closeSync(received);
  closeSync(sent);
}

const isBetween = (before: LinkStats, shown: LinkStats, after: LinkStats): boolean =>
  (['received', 'sent'] as const).every((key) => before[key] <= shown[key] && shown[key] <= after[key]);
