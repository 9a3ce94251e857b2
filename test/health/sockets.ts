/** Subflows as sock_diag reports them, for judgements on paths. */
import type { SubflowSocket } from '../../src/netlink/diag.ts';
import type { Traffic } from '../../src/netlink/tcp-info.ts';

export interface SubflowFields extends Partial<Traffic> {
  readonly token?: number;
  readonly cookie?: number;
  readonly address?: string;
  readonly remote?: string;
  readonly state?: string;
  readonly accepted?: boolean;
}

/** A subflow that has just received from its peer; times in milliseconds, `rtt` in microseconds. */
export function subflow({
  token = 1,
  cookie = 1,
  address = '192.0.2.10',
  ...rest
}: SubflowFields): SubflowSocket {
  const { remote = '198.51.100.9', state = 'ESTAB', accepted = true, ...traffic } = rest;
  return {
    ...{ token, cookie, state, ifindex: 2 },
    local: { address, port: 40_000 + cookie },
    remote: { address: remote, port: 443 },
    opened: true,
    accepted,
    backup: { local: false, remote: false },
    ids: { local: 0, remote: 0 },
    traffic: {
      ...{ acked: 0, received: 0, rtt: 30_000, retransmits: 0, duplicates: 0, timeouts: 0, rttVariation: 0 },
      ...{ unacked: 0, sinceSent: 0, sinceData: 0, sinceAck: 0 },
      ...traffic,
    },
    sockid: { family: 2, bytes: Buffer.alloc(48) },
  };
}
