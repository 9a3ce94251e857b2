/** Events of MPTCP connections: group mptcp_pm_events (linux/mptcp.h). Joining the group needs CAP_NET_ADMIN. */
import { decodeGeneric } from '../generic/family.ts';
import { readAddress } from '../ip.ts';
import type { Message } from '../message.ts';

export const MPTCP_PM_EVENTS = 'mptcp_pm_events';

const KINDS: ReadonlyMap<number, MptcpEventKind> = new Map([
  [1, 'created'],
  [2, 'established'],
  [3, 'closed'],
  [6, 'announced'],
  [7, 'removed'],
  [10, 'subflow-established'],
  [11, 'subflow-closed'],
  [13, 'subflow-priority'],
  [15, 'listener-created'],
  [16, 'listener-closed'],
]);

export type MptcpEventKind =
  | 'created'
  | 'established'
  | 'closed'
  | 'announced'
  | 'removed'
  | 'subflow-established'
  | 'subflow-closed'
  | 'subflow-priority'
  | 'listener-created'
  | 'listener-closed';

export const MPTCP_ATTR_TOKEN = 1;
export const MPTCP_ATTR_LOC_ID = 3;
export const MPTCP_ATTR_REM_ID = 4;
export const MPTCP_ATTR_SADDR4 = 5;
export const MPTCP_ATTR_SADDR6 = 6;
export const MPTCP_ATTR_DADDR4 = 7;
export const MPTCP_ATTR_DADDR6 = 8;
export const MPTCP_ATTR_SPORT = 9;
export const MPTCP_ATTR_DPORT = 10;
export const MPTCP_ATTR_BACKUP = 11;
export const MPTCP_ATTR_ERROR = 12;
export const MPTCP_ATTR_FLAGS = 13;
export const MPTCP_ATTR_TIMEOUT = 14;
export const MPTCP_ATTR_IF_IDX = 15;
export const MPTCP_ATTR_RESET_REASON = 16;
export const MPTCP_ATTR_RESET_FLAGS = 17;
export const MPTCP_ATTR_SERVER_SIDE = 18;

/** Bits of MPTCP_ATTR_FLAGS, since Linux 6.18. */
export const MPTCP_PM_EV_FLAG_DENY_JOIN_ID0 = 1;
export const MPTCP_PM_EV_FLAG_SERVER_SIDE = 2;

export interface MptcpEvent {
  readonly kind: MptcpEventKind;
  /** Identifies the connection; null: the event is about a listener. */
  readonly token: number | null;
  readonly localId: number | null;
  readonly remoteId: number | null;
  readonly local: { readonly address: string; readonly port: number } | null;
  readonly remote: { readonly address: string; readonly port: number } | null;
  /** Whether the peer asked for backup; null: not part of the event. */
  readonly backup: boolean | null;
  /** errno that ended the subflow; null: none. */
  readonly error: number | null;
  /** Only if the subflow is bound to a device. */
  readonly ifindex: number | null;
  readonly serverSide: boolean;
}

/**
 * @returns null: an event of an unknown kind
 * @throws DecodeError
 */
export function decodeMptcpEvent(message: Message): MptcpEvent | null {
  const { command, attributes } = decodeGeneric(message);
  const kind = KINDS.get(command);
  if (!kind) return null;
  // The family follows from the attribute that is present: ANNOUNCED has no
  // MPTCP_ATTR_FAMILY (mptcp_event_addr_announced()).
  const side = (four: number, six: number, portType: number) => {
    const [bytes4, bytes6] = [attributes.bytes(four), attributes.bytes(six)];
    const address = bytes4 ? readAddress('ipv4', bytes4) : bytes6 ? readAddress('ipv6', bytes6) : null;
    return address === null ? null : { address, port: attributes.be16(portType) ?? 0 };
  };
  const backup = attributes.u8(MPTCP_ATTR_BACKUP);
  return {
    kind,
    token: attributes.u32(MPTCP_ATTR_TOKEN) ?? null,
    localId: attributes.u8(MPTCP_ATTR_LOC_ID) ?? null,
    remoteId: attributes.u8(MPTCP_ATTR_REM_ID) ?? null,
    local: side(MPTCP_ATTR_SADDR4, MPTCP_ATTR_SADDR6, MPTCP_ATTR_SPORT),
    remote: side(MPTCP_ATTR_DADDR4, MPTCP_ATTR_DADDR6, MPTCP_ATTR_DPORT),
    backup: backup === undefined ? null : backup !== 0,
    error: attributes.u8(MPTCP_ATTR_ERROR) || null,
    ifindex: attributes.s32(MPTCP_ATTR_IF_IDX) ?? null,
    serverSide:
      attributes.u8(MPTCP_ATTR_SERVER_SIDE) === 1 ||
      ((attributes.u16(MPTCP_ATTR_FLAGS) ?? 0) & MPTCP_PM_EV_FLAG_SERVER_SIDE) !== 0,
  };
}
