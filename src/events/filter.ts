/**
 * A classic BPF program (linux/filter.h) on the event socket: of route events only those of default routes and of our
 * own routes pass, so that a router with a full table does not wake the daemon at each update.
 */
import { endianness } from 'node:os';
import { RTM_DELROUTE, RTM_NEWROUTE } from '../netlink/route/route.ts';
import { RTPROT_MULTIHOMED } from '../snapshot/snapshot.ts';

const BPF_LDH_ABS = 0x28;
const BPF_LDB_ABS = 0x30;
const BPF_JEQ = 0x15;
const BPF_RET = 0x06;
const WHOLE = 0xffff_ffff;

const NLMSG_TYPE = 4;
const RTM_DST_LEN = 17;
const RTM_PROTOCOL = 21;

/** BPF loads big-endian; nlmsg_type stands in host order. */
const asLoaded = (type: number): number =>
  endianness() === 'LE' ? ((type & 0xff) << 8) | (type >> 8) : type;

export function routeFilter(): Uint8Array {
  return assemble([
    [BPF_LDH_ABS, 0, 0, NLMSG_TYPE],
    [BPF_JEQ, 1, 0, asLoaded(RTM_NEWROUTE)],
    [BPF_JEQ, 0, 4, asLoaded(RTM_DELROUTE)],
    [BPF_LDB_ABS, 0, 0, RTM_DST_LEN],
    [BPF_JEQ, 2, 0, 0],
    [BPF_LDB_ABS, 0, 0, RTM_PROTOCOL],
    [BPF_JEQ, 0, 1, RTPROT_MULTIHOMED],
    [BPF_RET, 0, 0, WHOLE],
    [BPF_RET, 0, 0, 0],
  ]);
}

/** struct sock_filter: u16 code, u8 jt, u8 jf, u32 k. */
function assemble(program: readonly (readonly [number, number, number, number])[]): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(program.length * 8));
  const little = endianness() === 'LE';
  program.forEach(([code, yes, no, k], at) => {
    bytes.setUint16(at * 8, code, little);
    bytes.setUint8(at * 8 + 2, yes);
    bytes.setUint8(at * 8 + 3, no);
    bytes.setUint32(at * 8 + 4, k, little);
  });
  return new Uint8Array(bytes.buffer);
}
