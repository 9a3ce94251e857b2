/** Names and addresses of the private network; the addresses are reserved for documentation (RFC 5737). */

export interface Access {
  /** The laptop's interface. */
  readonly interface: string;
  /** The interface at the other end of the link. */
  readonly far: string;
  /** The bridge of the provider, with its gateway; `far` is a port of it. */
  readonly provider: string;
  readonly address: string;
  readonly gateway: string;
  readonly prefixLength: number;
  readonly metric: number;
}

/** The metrics are those that NetworkManager uses. */
export const ETHERNET: Access = {
  interface: 'eth0',
  far: 'socket',
  provider: 'cable-isp',
  address: '192.0.2.10',
  gateway: '192.0.2.1',
  prefixLength: 24,
  metric: 100,
};

export const MODEM: Access = {
  interface: 'wwan0',
  far: 'tower',
  provider: 'mobile-isp',
  address: '198.51.100.10',
  gateway: '198.51.100.1',
  prefixLength: 24,
  metric: 700,
};

export const PATHS: readonly Access[] = [ETHERNET, MODEM];

export const SERVER = { address: '203.0.113.80', port: 8080 } as const;

/** Bytes per second that the server sends: 16 Mbit/s, less than a modem carries, so that no queue prolongs a stall. */
export const BYTES_PER_SECOND = 2_000_000;
