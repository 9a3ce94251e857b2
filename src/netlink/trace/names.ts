/** The types and the common names for fields and attributes of netlink messages in the log. */

/**
 * How a value is shown. `address`: 4 or 16 bytes; `via`: struct rtvia; `hardware`: hexadecimal with colons; `be16`:
 * big-endian; `hops`: struct rtnexthop, each with attributes.
 */
export type Format =
  'u8' | 'u16' | 's32' | 'u32' | 'be16' | 'address' | 'via' | 'hardware' | 'string' | 'hops' | 'hex';

/** Values or flags by name; a flag's value is one bit. */
export interface FieldFormat {
  readonly format: Format;
  readonly values?: Readonly<Record<number, string>>;
  readonly flags?: Readonly<Record<number, string>>;
}

/** `null`: a field that means nothing here, such as padding. */
export type Field = readonly [name: string | null, value: FieldFormat];

export interface Attribute {
  readonly name: string;
  readonly value: FieldFormat | AttributeFormats;
}

/** By number. */
export type AttributeFormats = ReadonlyMap<number, Attribute>;

export interface Layout {
  /** The fixed part: nothing but its fields in their order. */
  readonly header: readonly Field[];
  readonly attributes: AttributeFormats;
}

export const U8: FieldFormat = { format: 'u8' };
export const U16: FieldFormat = { format: 'u16' };
export const S32: FieldFormat = { format: 's32' };
export const U32: FieldFormat = { format: 'u32' };
export const BE16: FieldFormat = { format: 'be16' };
export const ADDRESS: FieldFormat = { format: 'address' };
export const STRING: FieldFormat = { format: 'string' };
export const HEX: FieldFormat = { format: 'hex' };
export const FAMILIES = { 0: 'AF_UNSPEC', 2: 'AF_INET', 10: 'AF_INET6' };
export const FAMILY: FieldFormat = { format: 'u8', values: FAMILIES };

/** Attributes by number, as AttributeFormats. */
export const attributes = (
  entries: Record<number, readonly [name: string, value: FieldFormat | AttributeFormats]>,
): AttributeFormats =>
  new Map(Object.entries(entries).map(([number, [name, value]]) => [Number(number), { name, value }]));

/** Values of `names` from `first` on; a gap is an empty string. */
export const numbered = (first: number, names: string): Record<number, string> =>
  Object.fromEntries(names.split(' ').flatMap((name, at) => (name ? [[first + at, name]] : [])));

/** One bit each from `first` on; a gap is an empty string. */
export const bits = (first: number, names: string): Record<number, string> =>
  Object.fromEntries(names.split(' ').flatMap((name, at) => (name ? [[first * 2 ** at, name]] : [])));

/** Attributes of an extended acknowledgement (linux/netlink.h). */
export const ACKNOWLEDGEMENT = attributes({
  1: ['NLMSGERR_ATTR_MSG', STRING],
  2: ['NLMSGERR_ATTR_OFFS', U32],
  3: ['NLMSGERR_ATTR_COOKIE', HEX],
  4: ['NLMSGERR_ATTR_POLICY', HEX],
  5: ['NLMSGERR_ATTR_MISS_TYPE', U32],
  6: ['NLMSGERR_ATTR_MISS_NEST', U32],
});

export const MESSAGE_FLAGS = bits(
  1,
  'NLM_F_REQUEST NLM_F_MULTI NLM_F_ACK NLM_F_ECHO NLM_F_DUMP_INTR NLM_F_DUMP_FILTERED',
);
/** The same bits mean other things in requests that add, in those that read, and in acknowledgements. */
export const ADDING_FLAGS = bits(0x100, 'NLM_F_REPLACE NLM_F_EXCL NLM_F_CREATE NLM_F_APPEND');
export const ACKNOWLEDGEMENT_FLAGS = bits(0x100, 'NLM_F_CAPPED NLM_F_ACK_TLVS');
