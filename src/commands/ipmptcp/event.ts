/** Formats an MPTCP event as `ip mptcp monitor` prints it. */
import type { Attributes } from '../../netlink/attribute.ts';
import { decodeGeneric } from '../../netlink/generic/family.ts';
import { readAddress } from '../../netlink/ip.ts';
import type { Message } from '../../netlink/message.ts';
import * as mptcp from '../../netlink/mptcp/event.ts';
import { printable } from '../../system/printable.ts';
import { inetText } from './text.ts';

/** Names by command number (linux/mptcp.h), padded as they are printed. */
const NAMES: ReadonlyMap<number, string> = new Map([
  [1, 'CREATED'],
  [2, 'ESTABLISHED'],
  [3, 'CLOSED'],
  [6, 'ANNOUNCED'],
  [7, 'REMOVED'],
  [10, 'SF_ESTABLISHED'],
  [11, 'SF_CLOSED'],
  [13, 'SF_PRIO'],
  [15, 'LISTENER_CREATED'],
  [16, 'LISTENER_CLOSED'],
]);

/** Reads the value of one key; the keys are in the order of the output. */
type Read = (from: Attributes, type: number, name: string | undefined) => string | undefined;

const FIELDS: readonly (readonly [string, number, Read])[] = [
  ['token', mptcp.MPTCP_ATTR_TOKEN, (from, type) => from.u32(type)?.toString(16).padStart(8, '0')],
  ['remid', mptcp.MPTCP_ATTR_REM_ID, (from, type) => from.u8(type)?.toString()],
  ['locid', mptcp.MPTCP_ATTR_LOC_ID, (from, type) => from.u8(type)?.toString()],
  ['saddr4', mptcp.MPTCP_ATTR_SADDR4, four],
  ['daddr4', mptcp.MPTCP_ATTR_DADDR4, four],
  ['saddr6', mptcp.MPTCP_ATTR_SADDR6, six],
  ['daddr6', mptcp.MPTCP_ATTR_DADDR6, six],
  ['sport', mptcp.MPTCP_ATTR_SPORT, (from, type) => from.be16(type)?.toString()],
  ['dport', mptcp.MPTCP_ATTR_DPORT, (from, type) => from.be16(type)?.toString()],
  ['backup', mptcp.MPTCP_ATTR_BACKUP, (from, type) => from.u8(type)?.toString()],
  ['error', mptcp.MPTCP_ATTR_ERROR, (from, type) => from.u8(type)?.toString()],
  ['timeout', mptcp.MPTCP_ATTR_TIMEOUT, (from, type) => from.u32(type)?.toString()],
  ['dev', mptcp.MPTCP_ATTR_IF_IDX, (from, type, name) => deviceText(from.s32(type), name)],
  ['reset_reason', mptcp.MPTCP_ATTR_RESET_REASON, (from, type) => from.u32(type)?.toString()],
  ['reset_flags', mptcp.MPTCP_ATTR_RESET_FLAGS, (from, type) => hexadecimal(from.u32(type))],
];

/** `device` is the name of the interface whose index the event has, if it is known. */
export function eventText(message: Message, device?: string): string {
  const { command, attributes } = decodeGeneric(message);
  const name = NAMES.get(command);
  if (name === undefined) return `[UNKNOWN ${command}]`;
  const fields = FIELDS.flatMap(([key, type, read]) => {
    const value = read(attributes, type, device);
    return value === undefined ? [] : [`${key}=${value}`];
  });
  return [`[${name.padStart(16)}]`, ...fields, ...flagWords(attributes)].join(' ');
}

/** For a device that is gone, ip(8) prints `if` and its index. */
const deviceText = (index: number | undefined, name: string | undefined): string | undefined =>
  index === undefined ? undefined : printable(name ?? `if${index}`);

function flagWords(attributes: Attributes): string[] {
  const flags = attributes.u16(mptcp.MPTCP_ATTR_FLAGS) ?? 0;
  const known = mptcp.MPTCP_PM_EV_FLAG_SERVER_SIDE | mptcp.MPTCP_PM_EV_FLAG_DENY_JOIN_ID0;
  const server = flags & mptcp.MPTCP_PM_EV_FLAG_SERVER_SIDE || attributes.u8(mptcp.MPTCP_ATTR_SERVER_SIDE);
  return [
    ...(server ? ['server_side'] : []),
    ...(flags & mptcp.MPTCP_PM_EV_FLAG_DENY_JOIN_ID0 ? ['deny_join_id0'] : []),
    ...(flags & ~known ? [`flags=${hexadecimal(flags & ~known)}`] : []),
  ];
}

/** Like printf's %#x, but 0 also gets the prefix 0x. */
function hexadecimal(value: number): string;
function hexadecimal(value: number | undefined): string | undefined;
function hexadecimal(value: number | undefined): string | undefined {
  return value === undefined ? undefined : `0x${value.toString(16)}`;
}

function four(from: Attributes, type: number): string | undefined {
  const bytes = from.bytes(type);
  return bytes && readAddress('ipv4', bytes);
}

function six(from: Attributes, type: number): string | undefined {
  const bytes = from.bytes(type);
  return bytes && inetText(readAddress('ipv6', bytes));
}
