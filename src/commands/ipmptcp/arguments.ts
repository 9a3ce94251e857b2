/** Parses the arguments of `endpoint` and `limits`, with the grammar of ip-mptcp(8). */
import ipaddr from 'ipaddr.js';
import { MPTCP_PM_ADDR_FLAG_FULLMESH, MPTCP_PM_ADDR_FLAG_SIGNAL } from '../../netlink/mptcp/endpoint.ts';
import type { Limits } from '../../netlink/mptcp/limits.ts';
import { FLAG_WORDS } from '../../netlink/mptcp/flag-words.ts';
import { flagBits } from '../../netlink/mptcp/flags.ts';
import { byPrefix, isAddress, unknownWord, wholeNumber, Words, wrong } from './words.ts';

const KEYWORDS = ['id', 'dev', 'port'] as const;
const CHANGES = ['backup', 'nobackup', 'fullmesh', 'nofullmesh'];
const PORT_MAX = 65535;
const U32_MAX = 0xffff_ffff;

export interface EndpointArguments {
  readonly address: string | null;
  readonly id: number | null;
  readonly dev: string | null;
  readonly port: number | null;
  /** In the order in which they were given. */
  readonly flags: readonly string[];
}

/** Follows RFC 5952. ipaddr.js reads `::192.0.2.1` as an IPv4-mapped address, so the dotted part is converted first. */
function canonical(word: string): string {
  const words = word.replace(/:(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...octets: string[]) => {
    const [a, b, c, d] = octets.map(Number) as [number, number, number, number];
    return `:${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  });
  return ipaddr.parse(words).toString();
}

type Part = (typeof KEYWORDS)[number] | 'address';

function parse(
  place: string,
  words: readonly string[],
  parts: readonly Part[],
  flags: readonly string[],
): EndpointArguments {
  const found: { -readonly [key in keyof EndpointArguments]: EndpointArguments[key] } = {
    address: null,
    id: null,
    dev: null,
    port: null,
    flags: [],
  };
  const once = (part: Part, value: string | number): void => {
    if (!parts.includes(part)) throw wrong(`${place} takes no ${part}`);
    if (found[part] !== null && found[part] !== value)
      throw wrong(`${place}: two values of ${part}, ${found[part]} and ${value}`);
    Object.assign(found, { [part]: value });
  };
  const rest = new Words(words, place);
  for (let word = rest.next(); word !== undefined; word = rest.next()) {
    const keyword = byPrefix(word, KEYWORDS);
    if (flags.includes(word)) found.flags = [...found.flags, word];
    else if (keyword === 'dev') once('dev', rest.value('dev'));
    else if (keyword !== null)
      once(
        keyword,
        wholeNumber(rest.value(keyword), 0, keyword === 'id' ? 255 : PORT_MAX, `${place}: ${keyword}`),
      );
    else if (isAddress(word)) once('address', canonical(word));
    else if ([...FLAG_WORDS, ...CHANGES].includes(word)) throw wrong(`${place} takes no ${word}`);
    else if (parts.includes('address') && /^\d|:/.test(word))
      throw wrong(
        `${place}: ${JSON.stringify(word)} is no address; write it in full and without a prefix length, such as 192.0.2.1 or 2001:db8::1`,
      );
    else throw unknownWord(word, [...KEYWORDS.filter((each) => parts.includes(each)), ...flags], place);
  }
  return found;
}

const refuseZero = (place: string, id: number | null): void => {
  if (id === 0) throw wrong(`${place}: id must be 1 to 255; 0 means the initial subflow of a connection`);
};

/** `endpoint add IFADDR [dev IFNAME] [id ID] [port PORT] [FLAG ...]` */
export function addArguments(words: readonly string[]): EndpointArguments & { readonly address: string } {
  const place = 'endpoint add';
  const given = parse(
    place,
    words,
    ['address', 'id', 'dev', 'port'],
    [...FLAG_WORDS, 'nobackup', 'nofullmesh'],
  );
  const { address, id, port } = given;
  if (address === null) throw wrong(`${place}: an address is missing, such as 192.0.2.1 or 2001:db8::1`);
  refuseZero(place, id);
  const bits = flagBits(given.flags);
  if (bits & MPTCP_PM_ADDR_FLAG_SIGNAL && bits & MPTCP_PM_ADDR_FLAG_FULLMESH)
    throw wrong(`${place}: signal and fullmesh exclude each other`);
  if (port && !(bits & MPTCP_PM_ADDR_FLAG_SIGNAL)) throw wrong(`${place}: port requires signal`);
  return { ...given, address };
}

/** `endpoint delete id ID`, or `endpoint delete id 0 IFADDR` */
export function deleteArguments(words: readonly string[]): {
  readonly id: number;
  readonly address: string | null;
} {
  const place = 'endpoint delete';
  const { id, address } = parse(place, words, ['address', 'id'], []);
  if (id === null)
    throw wrong(`${place}: the id is missing${address === null ? '' : '; an address is not enough'}`);
  if (id !== 0 && address !== null)
    throw wrong(`${place}: an address is possible only with id 0; the kernel would ignore it with id ${id}`);
  if (id === 0 && address === null)
    throw wrong(`${place} id 0: an address is missing, from which the initial subflows to close start`);
  return { id, address };
}

/** `endpoint change [id ID] [IFADDR] [port PORT] CHANGE-OPT` */
export function changeArguments(words: readonly string[]): EndpointArguments {
  const place = 'endpoint change';
  const given = parse(place, words, ['address', 'id', 'port'], CHANGES);
  const { id, address, port, flags } = given;
  refuseZero(place, id);
  if (id === null && address === null) throw wrong(`${place}: the endpoint's id or address is missing`);
  if (id !== null && port !== null)
    throw wrong(`${place}: port is possible only with an address, not with an id`);
  if (flags.length === 0) throw wrong(`${place}: a flag is missing: ${CHANGES.join(', ')}`);
  for (const flag of ['backup', 'fullmesh'])
    if (flags.includes(flag) && flags.includes(`no${flag}`))
      throw wrong(`${place}: ${flag} and no${flag} exclude each other`);
  return given;
}

/** `endpoint show [id ID]` @returns null for all */
export function showArguments(words: readonly string[]): number | null {
  const { id } = parse('endpoint show', words, ['id'], []);
  refuseZero('endpoint show', id);
  return id;
}

/** `limits set [subflows NR] [add_addr_accepted NR]`; an older manual has `subflow`. */
export function limitsArguments(words: readonly string[]): Partial<Limits> {
  const place = 'limits set';
  const names = ['subflows', 'add_addr_accepted'] as const;
  let limits: Partial<Limits> = {};
  const rest = new Words(words, place);
  for (let word = rest.next(); word !== undefined; word = rest.next()) {
    const name = byPrefix(word, names);
    if (name === null) throw unknownWord(word, names, place);
    const value = wholeNumber(rest.value(name), 0, U32_MAX, `${place}: ${name}`);
    limits = { ...limits, ...(name === 'subflows' ? { subflows: value } : { addAddrAccepted: value }) };
  }
  if (Object.keys(limits).length === 0) throw wrong(`${place}: ${names.join(' N or ')} N is missing`);
  return limits;
}

/** For verbs without arguments. @throws ExitError */
export function noArguments(place: string, words: readonly string[]): void {
  if (words.length > 0) throw wrong(`${place} takes no arguments, but got ${JSON.stringify(words[0])}`);
}
