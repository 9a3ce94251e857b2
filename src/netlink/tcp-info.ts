/** What the kernel counts of a TCP socket: struct tcp_info (linux/tcp.h). */
import { readU32, readU64 } from './bytes.ts';

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
  /**
   * Of the segments that are not acknowledged, those that the peer has not reported (SACK, RFC 2018) and of which TCP
   * does not know that they were lost. After a timeout it only assumes this.
   */
  readonly inFlight: number;
  /** Segments that were sent again since an answer arrived. */
  readonly repeated: number;
  /** Segments with data that were sent, retransmissions included; 0 before Linux 4.6. */
  readonly segments: number;
  /** Milliseconds in which data waited to be sent or acknowledged, since the socket was opened; null before Linux 4.9. */
  readonly busy: number | null;
  /** Milliseconds of the consecutive timeouts: unacknowledged data was sent that much before the last segment, or earlier. */
  readonly timedOut: number;
}

/** Size of struct tcp_info up to and including tcpi_bytes_received. */
const TCP_INFO = 136;

/**
 * Offsets in struct tcp_info: tcpi_retransmits 2, tcpi_backoff 4, tcpi_rto 8, tcpi_unacked 24, tcpi_sacked 28,
 * tcpi_lost 32, tcpi_retrans 36, tcpi_last_data_sent 44, tcpi_last_data_recv 52, tcpi_last_ack_recv 56, tcpi_rtt 68,
 * tcpi_rttvar 72, tcpi_total_retrans 100, tcpi_bytes_acked 120, tcpi_bytes_received 128, tcpi_data_segs_out 156,
 * tcpi_busy_time 168, tcpi_dsack_dups 216.
 * @param at offset of the struct in the payload
 * @returns null: a kernel whose struct has no byte counters
 */
export function readTraffic(payload: Buffer, at: number, length: number): Traffic | null {
  if (length < TCP_INFO) return null;
  const unacked = readU32(payload, at + 24);
  const timeouts = payload.readUInt8(at + 2);
  const settled = readU32(payload, at + 28) + (timeouts > 0 ? 0 : readU32(payload, at + 32));
  return {
    acked: Number(readU64(payload, at + 120)),
    received: Number(readU64(payload, at + 128)),
    rtt: readU32(payload, at + 68),
    retransmits: readU32(payload, at + 100),
    duplicates: length >= 220 ? readU32(payload, at + 216) : 0,
    timeouts,
    rttVariation: readU32(payload, at + 72),
    unacked,
    sinceSent: readU32(payload, at + 44),
    sinceData: readU32(payload, at + 52),
    sinceAck: readU32(payload, at + 56),
    inFlight: Math.max(0, unacked - settled),
    repeated: Math.max(timeouts, readU32(payload, at + 36)),
    segments: length >= 160 ? readU32(payload, at + 156) : 0,
    busy: length >= 176 ? Number(readU64(payload, at + 168)) / 1000 : null,
    // The timer has doubled with each timeout (RFC 6298 section 5.5).
    timedOut: (readU32(payload, at + 8) / 1000) * (1 - 2 ** -payload.readUInt8(at + 4)),
  };
}
