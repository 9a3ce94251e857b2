/** Names and addresses of the private network; the addresses are those kept for documentation (RFC 5737). */

export interface Path {
  /** Of the laptop. */
  readonly interface: string;
  /** The other end of the wire. */
  readonly far: string;
  readonly address: string;
  readonly gateway: string;
  readonly prefixLength: number;
  readonly metric: number;
}

/** Metrics as NetworkManager gives them. */
export const ETHERNET: Path = {
  interface: 'eth0',
  far: 'socket',
  address: '192.0.2.10',
  gateway: '192.0.2.1',
  prefixLength: 24,
  metric: 100,
};

export const MODEM: Path = {
  interface: 'wwan0',
  far: 'tower',
  address: '198.51.100.10',
  gateway: '198.51.100.1',
  prefixLength: 24,
  metric: 700,
};

export const PATHS: readonly Path[] = [ETHERNET, MODEM];

export const SERVER = { address: '203.0.113.80', port: 8080 } as const;

/** Bytes a second at which the server sends, 16 Mbit/s: less than a modem carries, so that no queue adds to a stall. */
export const PACE = 2_000_000;
