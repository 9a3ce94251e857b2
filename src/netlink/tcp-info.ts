/** The state and the traffic of a TCP socket: struct tcp_info (linux/tcp.h). */
import { readU32, readU64 } from './bytes.ts';

/** TCP states by number (net/tcp_states.h), named as in ss(8). */
export const TCP_STATES = [
  ...['UNKNOWN', 'ESTAB', 'SYN-SENT', 'SYN-RECV', 'FIN-WAIT-1', 'FIN-WAIT-2', 'TIME-WAIT'],
  ...['UNCONN', 'CLOSE-WAIT', 'LAST-ACK', 'LISTEN', 'CLOSING'],
];

/** Where a value is in a message: from the first byte to the one after the last. */
export interface ByteRange {
  readonly from: number;
  readonly to: number;
}

export interface Traffic {
  /** Bytes that the peer has acknowledged. */
  readonly acked: number;
  /** Bytes received from the peer. */
  readonly received: number;
  /** Smoothed round-trip time in microseconds. */
  readonly rtt: number;
  /** Segments that were sent again, since the socket was opened. */
  readonly retransmits: number;
  /** Of these, how many the peer reported as duplicates (DSACK, RFC 2883), which were not lost; 0 before Linux 4.19. */
  readonly duplicates: number;
  /** Consecutive timeouts without an answer. */
  readonly timeouts: number;
  /** Mean deviation of the round-trip time in microseconds. */
  readonly rttVariation: number;
  /** Segments that were sent and not acknowledged yet. */
  readonly unacked: number;
  /** Milliseconds since data was sent last, since data arrived last, and since an acknowledgement arrived last. */
  readonly sinceSent: number;
  readonly sinceData: number;
  readonly sinceAck: number;
}

/** Size of struct tcp_info up to and including tcpi_bytes_received. */
const TCP_INFO = 136;

/**
 * Reads the attribute INET_DIAG_INFO. Offsets in struct tcp_info: tcpi_retransmits 2, tcpi_unacked 24,
 * tcpi_last_data_sent 44, tcpi_last_data_recv 52, tcpi_last_ack_recv 56, tcpi_rtt 68, tcpi_rttvar 72,
 * tcpi_total_retrans 100, tcpi_bytes_acked 120, tcpi_bytes_received 128, tcpi_dsack_dups 216.
 * @returns null: an older kernel reports less
 */
export function readTraffic(payload: Buffer, { from: at, to }: ByteRange): Traffic | null {
  if (to - at < TCP_INFO) return null;
  return {
    acked: Number(readU64(payload, at + 120)),
    received: Number(readU64(payload, at + 128)),
    rtt: readU32(payload, at + 68),
    retransmits: readU32(payload, at + 100),
    duplicates: to - at >= 220 ? readU32(payload, at + 216) : 0,
    timeouts: payload.readUInt8(at + 2),
    rttVariation: readU32(payload, at + 72),
    unacked: readU32(payload, at + 24),
    sinceSent: readU32(payload, at + 44),
    sinceData: readU32(payload, at + 52),
    sinceAck: readU32(payload, at + 56),
  };
}
