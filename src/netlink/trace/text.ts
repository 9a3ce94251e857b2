/** Shows netlink messages by the kernel's names, for `run --debug`. */
import { DecodeError, eachAttribute } from '../attribute.ts';
import { align4, readS32, readU16, readU32 } from '../bytes.ts';
import { GENL_ID_CTRL } from '../generic/family.ts';
import { readAddress } from '../ip.ts';
import { ackAttributesOffset, NLMSG_DONE, NLMSG_ERROR, NLM_F_ACK, type Message } from '../message.ts';
import { errnoName, NETLINK_GENERIC, NETLINK_ROUTE } from '../../system/addon.ts';
import { CONTROLLER, MPTCP, MPTCP_EVENT } from './generic.ts';
import {
  ACKNOWLEDGEMENT,
  ACKNOWLEDGEMENT_FLAGS,
  ADDING_FLAGS,
  MESSAGE_FLAGS,
  type AttributeFormats,
  type Field,
  type Format,
  type Layout,
  type FieldFormat,
} from './names.ts';
import { HOP, ROUTE_MESSAGES } from './route.ts';

/** Bytes of a value of unknown type that are shown. */
const MAX_BYTES = 32;

const CONTROL_MESSAGES: ReadonlyMap<number, string> = new Map([
  [NLMSG_ERROR, 'NLMSG_ERROR'],
  [NLMSG_DONE, 'NLMSG_DONE'],
]);

const SIZES: Readonly<Partial<Record<Format, number>>> = { u8: 1, u16: 2, be16: 2, s32: 4, u32: 4 };

export type MessageSource = 'request' | 'event';

/**
 * A message on one line: `RTM_NEWRULE NLM_F_REQUEST|NLM_F_ACK seq 7 family AF_INET … FRA_TABLE 86840002`. Fields and
 * attributes without a known name are shown by number and in hexadecimal.
 * @param protocol NETLINK_ROUTE, NETLINK_GENERIC (linux/netlink.h)
 * @param source `event`: a message of a multicast group; `request`: a request or its answer
 */
export function messageText(message: Message, protocol: number, source: MessageSource = 'request'): string {
  const known = layoutOf(message, protocol, source);
  const words = [
    known?.[0] ?? CONTROL_MESSAGES.get(message.type) ?? `nlmsg_type ${message.type}`,
    flagsText(message.flags, flagNames(message)),
    `seq ${message.sequence}`,
  ];
  try {
    if (CONTROL_MESSAGES.has(message.type)) words.push(endText(message));
    else if (known) words.push(...bodyWords(message.payload, known[1]));
    else words.push(hex(message.payload));
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    words.push(`(${error.message})`);
  }
  return words.filter(Boolean).join(' ');
}

function layoutOf(
  { type }: Message,
  protocol: number,
  source: MessageSource,
): readonly [name: string, layout: Layout] | undefined {
  if (CONTROL_MESSAGES.has(type)) return undefined;
  if (protocol === NETLINK_ROUTE) return ROUTE_MESSAGES.get(type);
  if (protocol !== NETLINK_GENERIC) return undefined;
  if (type === GENL_ID_CTRL) return ['nlctrl', CONTROLLER];
  // No other generic family is used here.
  return ['mptcp_pm', source === 'event' ? MPTCP_EVENT : MPTCP];
}

function flagNames({ type, flags }: Message): Readonly<Record<number, string>> {
  if (CONTROL_MESSAGES.has(type)) return { ...MESSAGE_FLAGS, ...ACKNOWLEDGEMENT_FLAGS };
  // Both bits of NLM_F_DUMP without an acknowledgement: a dump.
  if ((flags & 0x300) === 0x300 && !(flags & NLM_F_ACK)) return { ...MESSAGE_FLAGS, 0x300: 'NLM_F_DUMP' };
  return { ...MESSAGE_FLAGS, ...ADDING_FLAGS };
}

function endText(message: Message): string {
  if (message.payload.length < 4) return '';
  const errno = -readS32(message.payload, 0);
  const words = [errno > 0 ? errnoName(errno) : 'error 0'];
  const offset = ackAttributesOffset(message);
  if (offset !== null && offset <= message.payload.length)
    words.push(...attributeWords(message.payload.subarray(offset), ACKNOWLEDGEMENT));
  return words.join(' ');
}

const bodyWords = (payload: Buffer, { header, attributes }: Layout): string[] => {
  const { words, length } = headerWords(payload, header);
  return [...words, ...attributeWords(payload.subarray(align4(length)), attributes)];
};

function headerWords(payload: Buffer, header: readonly Field[]): { words: string[]; length: number } {
  const words: string[] = [];
  let at = 0;
  for (const [name, value] of header) {
    const size = SIZES[value.format]!;
    if (at + size > payload.length) throw new DecodeError(`header of ${payload.length} bytes`);
    if (name !== null) words.push(`${name} ${valueText(payload.subarray(at, at + size), value)}`);
    at += size;
  }
  return { words, length: at };
}

const attributeWords = (bytes: Buffer, known: AttributeFormats): string[] =>
  eachAttribute(bytes).map(([type, value]) => {
    const attribute = known.get(type);
    if (!attribute) return `attribute ${type} ${hex(value)}`;
    const { name, value: shape } = attribute;
    if (shape instanceof Map)
      return `${name} { ${attributeWords(value, shape as AttributeFormats).join(' ')} }`;
    return `${name} ${valueText(value, shape as FieldFormat)}`;
  });

function valueText(bytes: Buffer, { format, values, flags }: FieldFormat): string {
  switch (format) {
    case 'address':
      if (bytes.length !== 4 && bytes.length !== 16) return hex(bytes);
      return readAddress(bytes.length === 4 ? 'ipv4' : 'ipv6', bytes);
    case 'via':
      // The address follows its family.
      return valueText(bytes.subarray(2), { format: 'address' });
    case 'hardware':
      return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
    case 'string':
      return JSON.stringify(bytes.toString('utf8').replace(/\0.*$/s, ''));
    case 'hops':
      return hopsText(bytes);
    case 'hex':
      return hex(bytes);
    default: {
      if (bytes.length < SIZES[format]!) return hex(bytes);
      const value = numberOf(bytes, format);
      if (flags) return flagsText(value, flags) || '0';
      return values?.[value] ?? String(value);
    }
  }
}

/** Each hop of RTA_MULTIPATH in braces. */
function hopsText(bytes: Buffer): string {
  const hops: string[] = [];
  for (let at = 0; at + 8 <= bytes.length;) {
    const length = readU16(bytes, at);
    if (length < 8 || at + length > bytes.length) throw new DecodeError(`hop of ${length} bytes`);
    hops.push(`{ ${bodyWords(bytes.subarray(at + 2, at + length), HOP).join(' ')} }`);
    at += align4(length);
  }
  return hops.join(' ');
}

function numberOf(bytes: Buffer, format: Format): number {
  switch (format) {
    case 'u8':
      return bytes.readUInt8(0);
    case 'u16':
      return readU16(bytes, 0);
    case 'be16':
      return bytes.readUInt16BE(0);
    case 's32':
      return readS32(bytes, 0);
    default:
      return readU32(bytes, 0);
  }
}

/** Names of the bits, and the rest in hexadecimal, joined by `|`. */
function flagsText(value: number, names: Readonly<Record<number, string>>): string {
  const words: string[] = [];
  let rest = value >>> 0;
  for (const [bit, name] of Object.entries(names).sort(([a], [b]) => Number(b) - Number(a))) {
    const mask = Number(bit);
    if ((rest & mask) >>> 0 !== mask) continue;
    words.unshift(name);
    rest = (rest & ~mask) >>> 0;
  }
  if (rest !== 0) words.push(`0x${rest.toString(16)}`);
  return words.join('|');
}

const hex = (bytes: Buffer): string =>
  bytes.length === 0
    ? ''
    : `0x${bytes.toString('hex', 0, MAX_BYTES)}${bytes.length > MAX_BYTES ? `… (${bytes.length} bytes)` : ''}`;
