/** Policy rules: ip-rule(8), struct fib_rule_hdr (linux/fib_rules.h). */
import { Attributes, DecodeError, eachAttribute } from '../attribute.ts';
import { readU16, readU32, Writer } from '../bytes.ts';
import type { Requester } from '../connection.ts';
import { addressBytes, familyNumber, familyOf, IPPROTO_TCP, readAddress, type Family } from '../ip.ts';
import { NLM_F_CREATE, NLM_F_EXCL, type Message } from '../message.ts';

export const RTM_NEWRULE = 32;
export const RTM_DELRULE = 33;
const RTM_GETRULE = 34;

const FIB_RULE_INVERT = 2;
export const FR_ACT_TO_TBL = 1;
export const FR_ACT_GOTO = 2;
export const FR_ACT_NOP = 3;
export const FR_ACT_BLACKHOLE = 6;
export const FR_ACT_UNREACHABLE = 7;
export const FR_ACT_PROHIBIT = 8;

const FRA_DST = 1;
const FRA_SRC = 2;
const FRA_IIFNAME = 3;
const FRA_GOTO = 4;
const FRA_PRIORITY = 6;
const FRA_FWMARK = 10;
const FRA_TUN_ID = 12;
const FRA_SUPPRESS_IFGROUP = 13;
const FRA_SUPPRESS_PREFIXLEN = 14;
const FRA_TABLE = 15;
const FRA_FWMASK = 16;
const FRA_OIFNAME = 17;
const FRA_L3MDEV = 19;
const FRA_UID_RANGE = 20;
const FRA_PROTOCOL = 21;
const FRA_IP_PROTO = 22;
const FRA_SPORT_RANGE = 23;
const FRA_DPORT_RANGE = 24;
const FRA_DSCP = 25;
const FRA_FLOWLABEL = 26;
const FRA_DSCP_MASK = 30;

/** Protocol numbers up to this one do not belong to one program (linux/rtnetlink.h). */
const RTPROT_STATIC = 4;

export interface PolicyRule {
  readonly family: Family;
  readonly priority: number;
  /** null: all sources. */
  readonly source: string | null;
  readonly sourceLength: number;
  /** null: all destinations. */
  readonly destination: string | null;
  readonly destinationLength: number;
  readonly table: number;
  /** FR_ACT_*; 1: look up a table. */
  readonly action: number;
  /** Priority of the rule at which FR_ACT_GOTO continues; null: none. */
  readonly goto: number | null;
  /** Routes with a prefix of at most this length are ignored; null: none. */
  readonly suppressPrefixLength: number | null;
  /** Routes through an interface of this group are ignored; null: none. */
  readonly suppressGroup: number | null;
  /** FRA_PROTOCOL: the program that made it. */
  readonly protocol: number;
  readonly iif: string | null;
  readonly oif: string | null;
  readonly fwmark: number;
  /** The bits of the mark that are compared; 0: the mark is not compared. */
  readonly fwmask: number;
  /** First and last user id of the sockets that it selects; null: all. */
  readonly uids: readonly [number, number] | null;
  /** Sends packets of a VRF to the table of that VRF. */
  readonly l3mdev: boolean;
  /** Selects by a packet header: type of service, protocol, ports, tunnel id or flow label. */
  readonly header: boolean;
  readonly invert: boolean;
  /** Selects by more than addresses and interfaces: mark, user, VRF or header. */
  readonly narrow: boolean;
  /**
   * All selectors apart from source and interfaces, in a form that can be put into another rule: destination length,
   * type of service, attributes. Absent: none.
   */
  readonly selectors?: Buffer;
  /**
   * fib_rule_hdr and attributes as received, which a deletion repeats. Present only if the rule has more than the
   * fields of NewPolicyRule and its protocol number belongs to one program.
   */
  readonly exact?: Buffer;
}

/**
 * @returns null: neither IPv4 nor IPv6
 * @throws DecodeError
 */
export function decodePolicyRule(message: Message): PolicyRule | null {
  const { payload } = message;
  if (payload.length < 12) throw new DecodeError('policy rule message without fib_rule_hdr');
  const family = familyOf(payload.readUInt8(0));
  if (!family) return null;
  const attributes = new Attributes(payload.subarray(12));
  const source = attributes.bytes(FRA_SRC);
  const destination = attributes.bytes(FRA_DST);
  const fwmark = attributes.u32(FRA_FWMARK) ?? 0;
  const fwmask = attributes.u32(FRA_FWMASK) ?? (fwmark ? 0xffff_ffff : 0);
  const uids = attributes.bytes(FRA_UID_RANGE, 8);
  const l3mdev = attributes.u8(FRA_L3MDEV) === 1;
  const header =
    payload.readUInt8(3) !== 0 ||
    (attributes.u8(FRA_DSCP) ?? 0) !== 0 ||
    [FRA_IP_PROTO, FRA_SPORT_RANGE, FRA_DPORT_RANGE, FRA_TUN_ID, FRA_FLOWLABEL].some((type) =>
      attributes.has(type),
    );
  const rule = {
    family,
    priority: attributes.u32(FRA_PRIORITY) ?? 0,
    source: source ? readAddress(family, source) : null,
    sourceLength: payload.readUInt8(2),
    destination: destination ? readAddress(family, destination) : null,
    destinationLength: payload.readUInt8(1),
    table: attributes.u32(FRA_TABLE) ?? payload.readUInt8(4),
    action: payload.readUInt8(7),
    goto: attributes.u32(FRA_GOTO) ?? null,
    suppressPrefixLength: nullIf(0xffff_ffff, attributes.u32(FRA_SUPPRESS_PREFIXLEN)),
    suppressGroup: nullIf(0xffff_ffff, attributes.u32(FRA_SUPPRESS_IFGROUP)),
    protocol: attributes.u8(FRA_PROTOCOL) ?? 0,
    iif: attributes.string(FRA_IIFNAME) ?? null,
    oif: attributes.string(FRA_OIFNAME) ?? null,
    fwmark,
    fwmask,
    uids: uids ? ([readU32(uids, 0), readU32(uids, 4)] as const) : null,
    l3mdev,
    header,
    invert: (readU32(payload, 8) & FIB_RULE_INVERT) !== 0,
    narrow: fwmask !== 0 || uids !== undefined || l3mdev || header,
  };
  const hasMore =
    rule.narrow ||
    rule.invert ||
    rule.goto !== null ||
    rule.suppressGroup !== null ||
    [rule.destination, rule.iif, rule.oif].some((each) => each !== null);
  const selectors = selectorsOf(payload);
  return {
    ...rule,
    ...(selectors ? { selectors } : {}),
    ...(hasMore && rule.protocol > RTPROT_STATIC ? { exact: Buffer.from(payload) } : {}),
  };
}

const SELECTORS = new Set([
  ...[FRA_DST, FRA_FWMARK, FRA_TUN_ID, FRA_FWMASK, FRA_UID_RANGE],
  ...[FRA_IP_PROTO, FRA_SPORT_RANGE, FRA_DPORT_RANGE],
]);
const isSelector = (type: number): boolean =>
  SELECTORS.has(type) || (type >= FRA_DSCP && type <= FRA_DSCP_MASK);

function selectorsOf(payload: Buffer): Buffer | null {
  const attributes = eachAttribute(payload.subarray(12))
    .filter(([type]) => isSelector(type))
    .sort(([one], [other]) => one - other);
  const service = payload.readUInt8(3);
  if (attributes.length === 0 && service === 0) return null;
  const writer = new Writer().u8(payload.readUInt8(1)).u8(service).u16(0);
  for (const [type, value] of attributes) writer.attributeBytes(type, value);
  return writer.done();
}

/** Selectors of a rule for TCP to one network, and from one local port if it is given; null: to any network. */
export function tcpSelectors(
  to: { readonly destination: string; readonly prefixLength: number } | null,
  port: number | null = null,
): Buffer {
  const writer = new Writer()
    .u8(to?.prefixLength ?? 0)
    .u8(0)
    .u16(0);
  if (to) writer.attributeBytes(FRA_DST, addressBytes(to.destination));
  writer.attributeBytes(FRA_IP_PROTO, Buffer.of(IPPROTO_TCP));
  if (port !== null) writer.attributeBytes(FRA_SPORT_RANGE, new Writer().u16(port).u16(port).done());
  return writer.done();
}

/** Header selectors in the words of ip-rule(8). */
export function headerWords({ selectors }: Pick<PolicyRule, 'selectors'>): string[] {
  if (!selectors) return [];
  const attributes = new Attributes(selectors.subarray(4));
  const service = selectors.readUInt8(1);
  const protocol = attributes.u8(FRA_IP_PROTO);
  const range = (name: string, type: number): string[] => {
    const bytes = attributes.bytes(type, 4);
    return bytes ? [name, `${readU16(bytes, 0)}-${readU16(bytes, 2)}`] : [];
  };
  return [
    ...(service === 0 ? [] : ['tos', `0x${service.toString(16)}`]),
    ...(protocol === undefined ? [] : ['ipproto', `${protocol}`]),
    ...range('sport', FRA_SPORT_RANGE),
    ...range('dport', FRA_DPORT_RANGE),
  ];
}

/** null: the attribute is missing, or has the value that means none. */
const nullIf = (nothing: number, value: number | undefined): number | null =>
  value === undefined || value === nothing ? null : value;

/** A policy rule to be added or deleted: one table, usually one source address. */
export interface NewPolicyRule {
  readonly family: Family;
  readonly source: string | null;
  readonly sourceLength: number;
  readonly priority: number;
  readonly table: number;
  readonly suppressPrefixLength: number | null;
  readonly protocol: number;
  /** FR_ACT_*; absent: FR_ACT_TO_TBL. */
  readonly action?: number;
  /** As in PolicyRule. */
  readonly goto?: number;
  readonly selectors?: Buffer;
  /** As in PolicyRule, for deletion. */
  readonly exact?: Buffer;
}

/**
 * The kernel deletes the first policy rule that matches, and treats every missing attribute as a wildcard. So a
 * request contains everything that NewPolicyRule has. For a rule with more than that, it repeats all that the kernel
 * reported, without the flags that the kernel set itself.
 */
function encodePolicyRule(rule: NewPolicyRule): Buffer {
  const { exact } = rule;
  if (exact)
    return new Writer()
      .bytes(exact.subarray(0, 8))
      .u32(readU32(exact, 8) & FIB_RULE_INVERT)
      .bytes(exact.subarray(12))
      .done();
  const writer = new Writer()
    .u8(familyNumber(rule.family))
    .u8(rule.selectors?.readUInt8(0) ?? 0)
    .u8(rule.sourceLength)
    .u8(rule.selectors?.readUInt8(1) ?? 0)
    .u8(rule.table < 256 ? rule.table : 0)
    .u16(0)
    .u8(rule.action ?? FR_ACT_TO_TBL)
    .u32(0)
    .attributeU32(FRA_PRIORITY, rule.priority);
  // A rule that looks up no table has none, and the kernel refuses table 0.
  if (rule.table) writer.attributeU32(FRA_TABLE, rule.table);
  writer.attributeBytes(FRA_PROTOCOL, Buffer.of(rule.protocol));
  if (rule.source) writer.attributeBytes(FRA_SRC, addressBytes(rule.source));
  if (rule.suppressPrefixLength !== null)
    writer.attributeU32(FRA_SUPPRESS_PREFIXLEN, rule.suppressPrefixLength);
  if (rule.goto !== undefined) writer.attributeU32(FRA_GOTO, rule.goto);
  if (rule.selectors) writer.bytes(rule.selectors.subarray(4));
  return writer.done();
}

/** The rule as the kernel would report it. */
export const asPolicyRule = (rule: NewPolicyRule): PolicyRule =>
  decodePolicyRule({ type: RTM_NEWRULE, flags: 0, sequence: 0, portId: 0, payload: encodePolicyRule(rule) })!;

/**
 * Adds a policy rule. With NLM_F_EXCL, because the kernel would otherwise add an identical rule a second time.
 * @throws NetlinkError EEXIST if the rule exists
 */
export async function addPolicyRule(
  requester: Requester,
  rule: NewPolicyRule,
  operation: string,
): Promise<void> {
  const flags = NLM_F_CREATE | NLM_F_EXCL;
  await requester.request({ operation, type: RTM_NEWRULE, flags, payload: encodePolicyRule(rule) });
}

/** Deletes the first policy rule that matches. @throws NetlinkError ENOENT if none matches */
export async function deletePolicyRule(
  requester: Requester,
  rule: NewPolicyRule,
  operation: string,
): Promise<void> {
  await requester.request({ operation, type: RTM_DELRULE, payload: encodePolicyRule(rule) });
}

/**
 * All policy rules of one family, in the kernel's order. RTM_GETRULE has no filter.
 * @throws NetlinkError, DecodeError
 */
export async function dumpPolicyRules(requester: Requester, family: Family): Promise<PolicyRule[]> {
  const payload = new Writer().u8(familyNumber(family)).bytes(Buffer.alloc(11)).done();
  const messages = await requester.dump({ operation: 'policy-rule show', type: RTM_GETRULE, payload });
  return (
    messages
      .filter((message) => message.type === RTM_NEWRULE)
      .map(decodePolicyRule)
      .filter((rule) => rule !== null)
      // A kernel without IPv6 answers with the IPv4 rules.
      .filter((rule) => rule.family === family)
  );
}
