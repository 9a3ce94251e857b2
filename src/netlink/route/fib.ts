/** Route look-ups in the kernel: RTM_GETROUTE for one destination. */
import { constants } from 'node:os';
import { Writer } from '../bytes.ts';
import type { Requester } from '../connection.ts';
import { NetlinkError } from '../error.ts';
import { addressBytes, familyNumber, hostBits, type Family } from '../ip.ts';
import {
  decodeRoute,
  RTA_DST,
  RTA_MARK,
  RTA_OIF,
  RTA_SRC,
  RTM_GETROUTE,
  RTM_NEWROUTE,
  type Route,
} from './route.ts';

/**
 * Returns the matching FIB entry instead of the result. Without it an IPv4 look-up with
 * RTA_OIF succeeds even without a route.
 */
const RTM_F_FIB_MATCH = 0x2000;
/**
 * Without it IPv4 reports table 254 for every table. IPv6 always reports the table, and refuses the flag with EINVAL.
 */
const RTM_F_LOOKUP_TABLE = 0x1000;

export interface FibQuery {
  readonly family: Family;
  readonly destination: string;
  readonly source?: string | undefined;
  readonly ifindex?: number | undefined;
  /** The packet's mark, for policy rules with fwmark; absent: 0. */
  readonly mark?: number;
  /** Returns the route in use, with the source that the kernel selects, instead of the matching FIB entry. */
  readonly resolved?: boolean;
}

export type FibAnswer = { readonly route: Route } | { readonly error: NetlinkError };

/** Errors with which the kernel refuses a destination: they are an answer. All others are thrown. */
const REFUSALS = new Set([
  'ENETUNREACH',
  'EHOSTUNREACH',
  'ESRCH',
  'EACCES',
  'EINVAL',
  'ENODEV',
  'ENETDOWN',
  'EADDRNOTAVAIL',
  'EAGAIN',
  'EOPNOTSUPP',
  'EAFNOSUPPORT',
]);

/**
 * Looks up a destination in the FIB.
 * @throws NetlinkError, DecodeError
 */
export async function askFib(requester: Requester, query: FibQuery): Promise<FibAnswer> {
  const bits = hostBits(query.family);
  const writer = new Writer()
    .u8(familyNumber(query.family))
    .u8(bits)
    .u8(query.source ? bits : 0)
    .bytes(Buffer.alloc(5))
    .u32((query.family === 'ipv4' ? RTM_F_LOOKUP_TABLE : 0) | (query.resolved ? 0 : RTM_F_FIB_MATCH))
    .attributeBytes(RTA_DST, addressBytes(query.destination));
  if (query.source) writer.attributeBytes(RTA_SRC, addressBytes(query.source));
  if (query.ifindex !== undefined) writer.attributeU32(RTA_OIF, query.ifindex);
  if (query.mark) writer.attributeU32(RTA_MARK, query.mark);
  const from = query.source ? ` from ${query.source}` : '';
  const through = query.ifindex === undefined ? '' : ` oif ${query.ifindex}`;
  const operation = `route get ${query.destination}${from}${through}`;
  try {
    const messages = await requester.request({ operation, type: RTM_GETROUTE, payload: writer.done() });
    const message = messages.find((reply) => reply.type === RTM_NEWROUTE);
    const route = message && decodeRoute(message, { cached: query.resolved === true });
    return route
      ? { route }
      : { error: new NetlinkError({ operation, errno: constants.errno.EHOSTUNREACH }) };
  } catch (error) {
    if (error instanceof NetlinkError && REFUSALS.has(error.code)) return { error };
    throw error;
  }
}

export type Fib = (query: FibQuery) => Promise<FibAnswer>;

/** Asks the kernel at most once for each destination and mark; the other parts of the queries must be the same. */
export function askedOnce(requester: Requester): Fib {
  const answers = new Map<string, Promise<FibAnswer>>();
  return (query) => {
    const key = `${query.destination} ${query.mark ?? 0}`;
    const known = answers.get(key);
    if (known) return known;
    const answer = askFib(requester, query);
    answers.set(key, answer);
    return answer;
  };
}
