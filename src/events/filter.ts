/**
 * A classic BPF program (linux/filter.h) for the event socket. With it the daemon is not woken at each update of a full
 * routing table, of a thousand containers or of a thousand neighbours. It passes:
 * - routes with a prefix shorter than 8 bits, which are defaults or parts of one, and routes of multihomed;
 * - routes without a gateway through the links that matter, such as an address's own subnet;
 * - routes through these links that an administrator or a network manager made;
 * - IPv6 neighbours that became unreachable;
 * - everything else that is neither a route nor a neighbour.
 */
import { endianness } from 'node:os';
import { AF_INET6 } from '../netlink/ip.ts';
import { NUD_FAILED, RTM_NEWNEIGH } from '../netlink/route/neighbour.ts';
import {
  RTA_GATEWAY,
  RTA_MULTIPATH,
  RTA_NH_ID,
  RTA_VIA,
  RTM_DELROUTE,
  RTM_NEWROUTE,
  RTA_OIF,
  RTN_UNICAST,
  RT_TABLE_LOCAL,
} from '../netlink/route/route.ts';
import { RTPROT_MULTIHOMED } from '../netlink/route/protocol.ts';

/**
 * rtm_protocol of `ip route add` (BOOT) and of routes that an administrator or a network manager
 * configured (STATIC); linux/rtnetlink.h.
 */
const RTPROT_BOOT = 3;
const RTPROT_STATIC = 4;

const BPF_LD_IMM = 0x00;
const BPF_LDX_IMM = 0x01;
const BPF_LD_ABS = 0x20;
const BPF_LDH_ABS = 0x28;
const BPF_LDB_ABS = 0x30;
const BPF_LDW_IND = 0x40;
const BPF_TAX = 0x07;
const BPF_JA = 0x05;
const BPF_JGE = 0x35;
const BPF_JEQ = 0x15;
const BPF_RET = 0x06;
/** SKF_AD_OFF + SKF_AD_NLATTR: searches from offset A for an attribute of type X; A becomes its offset, or 0. */
const NLATTR = 0xffff_f00c;
const WHOLE = 0xffff_ffff;
/** Each link takes about 40 bytes of net.core.optmem_max, whose default is 20 KiB on older kernels. */
const MAX_LINKS = 256;
/** Shorter destinations may be parts of a split default, to which a policy rule may lead. */
const SPLIT_LENGTH = 8;

/**
 * Offsets after the 16 bytes of struct nlmsghdr: struct rtmsg (linux/rtnetlink.h), struct ndmsg (linux/neighbour.h).
 */
const NLMSG_TYPE = 4;
const RTM_DST_LEN = 17;
const RTM_TABLE = 20;
const RTM_PROTOCOL = 21;
const RTM_TYPE = 23;
const RTM_ATTRIBUTES = 28;
const NDM_FAMILY = 16;
const NDM_STATE = 24;

/** BPF loads values as big-endian, but netlink fields are in host order. */
const asLoaded = (value: number): number =>
  endianness() === 'LE' ? ((value & 0xff) << 8) | (value >> 8) : value;

function asLoaded32(value: number): number {
  const bytes = new DataView(new ArrayBuffer(4));
  bytes.setUint32(0, value, endianness() === 'LE');
  return bytes.getUint32(0);
}

/** A label, or an instruction: code, labels to jump to if true and if false (null: the next instruction), and k. */
type Line = string | readonly [code: number, yes: string | null, no: string | null, k: number];

/** Drops a route that has the attribute. */
const without = (attribute: number): Line[] => [
  [BPF_LD_IMM, null, null, RTM_ATTRIBUTES],
  [BPF_LDX_IMM, null, null, attribute],
  [BPF_LD_ABS, null, null, NLATTR],
  [BPF_JEQ, null, 'drop', 0],
];

/**
 * The program as an array of struct sock_filter.
 * @param links indices of the links that matter; null: all do
 */
export function eventFilter(links: ReadonlySet<number> | null): Uint8Array {
  const listed = links !== null && links.size <= MAX_LINKS;
  return assemble([
    [BPF_LDH_ABS, null, null, NLMSG_TYPE],
    [BPF_JEQ, 'neighbour', null, asLoaded(RTM_NEWNEIGH)],
    [BPF_JEQ, 'route', null, asLoaded(RTM_NEWROUTE)],
    [BPF_JEQ, 'route', 'pass', asLoaded(RTM_DELROUTE)],
    'route',
    [BPF_LDB_ABS, null, null, RTM_DST_LEN],
    [BPF_JGE, null, 'pass', SPLIT_LENGTH],
    [BPF_LDB_ABS, null, null, RTM_PROTOCOL],
    [BPF_JEQ, 'pass', null, RTPROT_MULTIHOMED],
    // A VPN client adds its routes through a gateway under these numbers; routing daemons use numbers of their own.
    [BPF_JEQ, 'unicast', null, RTPROT_BOOT],
    [BPF_JEQ, 'unicast', null, RTPROT_STATIC],
    [BPF_LDB_ABS, null, null, RTM_TABLE],
    [BPF_JEQ, 'drop', null, RT_TABLE_LOCAL],
    ...[RTA_GATEWAY, RTA_VIA, RTA_MULTIPATH, RTA_NH_ID].flatMap(without),
    'unicast',
    [BPF_LDB_ABS, null, null, RTM_TYPE],
    // A blackhole for less than a split default takes nothing from an uplink.
    [BPF_JEQ, 'link', 'drop', RTN_UNICAST],
    'pass',
    [BPF_RET, null, null, WHOLE],
    'neighbour',
    [BPF_LDB_ABS, null, null, NDM_FAMILY],
    [BPF_JEQ, null, 'drop', AF_INET6],
    [BPF_LDH_ABS, null, null, NDM_STATE],
    [BPF_JEQ, 'pass-neighbour', 'drop', asLoaded(NUD_FAILED)],
    'pass-neighbour',
    [BPF_RET, null, null, WHOLE],
    'drop',
    [BPF_RET, null, null, 0],
    'link',
    ...(listed ? throughOneOf(links) : []),
    [BPF_RET, null, null, WHOLE],
  ]);
}

/** Passes a route through several links, or through one of these. */
function throughOneOf(links: ReadonlySet<number>): Line[] {
  const each = [...links].flatMap((index): Line[] => [
    [BPF_JEQ, null, `not ${index}`, asLoaded32(index)],
    [BPF_RET, null, null, WHOLE],
    `not ${index}`,
  ]);
  return [
    [BPF_LD_IMM, null, null, RTM_ATTRIBUTES],
    [BPF_LDX_IMM, null, null, RTA_OIF],
    [BPF_LD_ABS, null, null, NLATTR],
    [BPF_JEQ, 'several', null, 0],
    [BPF_TAX, null, null, 0],
    // The value follows the four bytes of struct nlattr.
    [BPF_LDW_IND, null, null, 4],
    [BPF_JA, null, null, 1],
    'several',
    [BPF_RET, null, null, WHOLE],
    ...each,
    [BPF_RET, null, null, 0],
  ];
}

/** struct sock_filter: u16 code, u8 jt, u8 jf, u32 k; jumps only go forward. */
function assemble(lines: readonly Line[]): Uint8Array {
  const places = new Map<string, number>();
  const program = lines.filter((line, at) => {
    if (typeof line === 'string') places.set(line, at - places.size);
    return typeof line !== 'string';
  }) as Exclude<Line, string>[];
  const bytes = new DataView(new ArrayBuffer(program.length * 8));
  const little = endianness() === 'LE';
  program.forEach(([code, yes, no, k], at) => {
    const steps = (to: string | null): number => (to === null ? 0 : places.get(to)! - at - 1);
    bytes.setUint16(at * 8, code, little);
    bytes.setUint8(at * 8 + 2, steps(yes));
    bytes.setUint8(at * 8 + 3, steps(no));
    bytes.setUint32(at * 8 + 4, k, little);
  });
  return new Uint8Array(bytes.buffer);
}
