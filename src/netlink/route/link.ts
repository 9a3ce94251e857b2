/** Links: RTM_GETLINK, struct ifinfomsg (linux/rtnetlink.h, linux/if_link.h). */
import { Attributes, DecodeError, eachAttribute } from '../attribute.ts';
import { readS32, readU32, readU64, Writer } from '../bytes.ts';
import type { Requester } from '../connection.ts';
import { NetlinkError } from '../error.ts';
import { AF_UNSPEC } from '../ip.ts';
import type { Message } from '../message.ts';

export const RTM_NEWLINK = 16;
export const RTM_DELLINK = 17;
const RTM_GETLINK = 18;

export const IFF_UP = 0x1;
const IFF_LOOPBACK = 0x8;
const IFF_POINTOPOINT = 0x10;
export const IFF_RUNNING = 0x40;
const IFF_NOARP = 0x80;
export const IFF_LOWER_UP = 0x10000;

const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MASTER = 10;
const IFLA_LINKINFO = 18;
const IFLA_STATS64 = 23;
const IFLA_GROUP = 27;
const IFLA_EXT_MASK = 29;
const IFLA_PROP_LIST = 52;
const IFLA_ALT_IFNAME = 53;
const IFLA_PARENT_DEV_NAME = 56;
const IFLA_PARENT_DEV_BUS_NAME = 57;
const IFLA_INFO_KIND = 1;
const RTEXT_FILTER_SKIP_STATS = 8;

export interface Link {
  readonly index: number;
  readonly name: string;
  readonly altnames: readonly string[];
  /** IFF_* bits. */
  readonly flags: number;
  /**
   * Up, running and with carrier. All three are required, because the kernel
   * briefly reports every combination of them.
   */
  readonly usable: boolean;
  readonly loopback: boolean;
  /** The link needs no neighbour look-up: IFF_POINTOPOINT or IFF_NOARP. */
  readonly pointToPoint: boolean;
  /** IFLA_INFO_KIND: `veth`, `bridge`, `wwan`; null: hardware. */
  readonly kind: string | null;
  /** Index of the bridge, bond or VRF that it belongs to; null: none. */
  readonly master: number | null;
  /** Interface group, as set by `ip link set dev eth0 group 5`. */
  readonly group: number;
  /** Hardware address in the format of sysfs, `02:00:5e:10:00:01`; empty: it has none. */
  readonly hardware: string;
  /** The device behind the link, with its name in sysfs; null: none, or before Linux 5.14. */
  readonly parent: { readonly bus: string; readonly device: string } | null;
}

export interface LinkBytes {
  readonly received: bigint;
  readonly sent: bigint;
}

/**
 * @returns null: the message is about a bridge port (AF_BRIDGE), which sends RTM_DELLINK when it leaves its bridge
 * @throws DecodeError
 */
export function decodeLink(message: Message): Link | null {
  const { payload } = message;
  if (payload.length < 16) throw new DecodeError('link message without ifinfomsg');
  if (payload.readUInt8(0) !== AF_UNSPEC) return null;
  const attributes = new Attributes(payload.subarray(16));
  const flags = readU32(payload, 8);
  const usual = IFF_UP | IFF_RUNNING | IFF_LOWER_UP;
  const bus = attributes.string(IFLA_PARENT_DEV_BUS_NAME);
  const device = attributes.string(IFLA_PARENT_DEV_NAME);
  const names = attributes.bytes(IFLA_PROP_LIST);
  return {
    index: readS32(payload, 4),
    name: attributes.string(IFLA_IFNAME) ?? '',
    altnames: names ? altnames(names) : [],
    flags,
    usable: (flags & usual) === usual,
    loopback: (flags & IFF_LOOPBACK) !== 0,
    pointToPoint: (flags & (IFF_POINTOPOINT | IFF_NOARP)) !== 0,
    kind: attributes.nested(IFLA_LINKINFO)?.string(IFLA_INFO_KIND) ?? null,
    master: attributes.u32(IFLA_MASTER) ?? null,
    group: attributes.u32(IFLA_GROUP) ?? 0,
    hardware: (attributes.bytes(IFLA_ADDRESS)?.toString('hex') ?? '').replace(/(..)(?=.)/g, '$1:'),
    parent: bus && device ? { bus, device } : null,
  };
}

function altnames(list: Buffer): string[] {
  return eachAttribute(list)
    .filter(([type]) => type === IFLA_ALT_IFNAME)
    .map(([, value]) => value.toString('utf8', 0, Math.max(0, value.indexOf(0))));
}

/**
 * All links of the namespace.
 * @throws NetlinkError, DecodeError
 */
export async function dumpLinks(requester: Requester): Promise<Link[]> {
  const payload = new Writer()
    .bytes(Buffer.alloc(16))
    .attributeU32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS)
    .done();
  const messages = await requester.dump({ operation: 'link show', type: RTM_GETLINK, payload });
  return messages
    .filter((message) => message.type === RTM_NEWLINK)
    .map(decodeLink)
    .filter((link) => link !== null);
}

/**
 * One link; null: there is none with this index.
 * @throws NetlinkError, DecodeError
 */
export async function getLink(requester: Requester, index: number): Promise<Link | null> {
  const payload = new Writer()
    .u32(0)
    .s32(index)
    .u32(0)
    .u32(0)
    .attributeU32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  try {
    const [message] = await requester.request({
      operation: `link show if${index}`,
      type: RTM_GETLINK,
      payload: payload.done(),
    });
    return message?.type === RTM_NEWLINK ? decodeLink(message) : null;
  } catch (error) {
    if (error instanceof NetlinkError && error.code === 'ENODEV') return null;
    throw error;
  }
}

/** Finds the link that a user named: by name, alternative name, or `if7` for index 7, as in ip(8). */
export const findLink = (links: Iterable<Link>, word: string): Link | undefined => {
  const all = [...links];
  return (
    all.find(({ name }) => name === word) ??
    all.find(({ altnames: others }) => others.includes(word)) ??
    all.find(({ index }) => word === `if${index}`)
  );
};

/**
 * Bytes that the link has carried since it was created (struct rtnl_link_stats64); null: no statistics.
 * @throws NetlinkError ENODEV if there is no such link
 */
export async function linkBytes(requester: Requester, index: number): Promise<LinkBytes | null> {
  const payload = new Writer().u32(0).s32(index).u32(0).u32(0).done();
  const [message] = await requester.request({
    operation: `link show ${index}`,
    type: RTM_GETLINK,
    payload,
  });
  const stats = message && new Attributes(message.payload.subarray(16)).bytes(IFLA_STATS64, 32);
  return stats ? { received: readU64(stats, 16), sent: readU64(stats, 24) } : null;
}
