/** The words of a rule and of the whole configuration, after validation. */

import type { Family } from '../netlink/ip.ts';

export type { Family };

/** Flags that a user may give an endpoint; `implicit` is the kernel's own and never set from here. */
export type EndpointFlag = 'signal' | 'subflow' | 'backup' | 'fullmesh' | 'laminar';

/** Which IPv6 addresses of an interface serve as uplinks. */
export type AddressChoice = 'auto' | 'stable' | 'temporary' | 'all';

/** Where a value was written; lines and columns count from 1. */
export interface Origin {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export interface Rule {
  /** The interface glob as the user wrote it; `|` separates alternatives. */
  readonly glob: string;
  readonly origin: Origin;
  /** True: interfaces that match are named in `status` and otherwise left alone. */
  readonly ignore: boolean;
  readonly flags: readonly EndpointFlag[];
  /** Port on which subflows are accepted too; null: none. */
  readonly port: number | null;
  /** Order is preference. */
  readonly families: readonly Family[];
  readonly addresses: AddressChoice;
  /** Endpoints of one family on one interface at most; Infinity for `all`. */
  readonly perInterface: number;
  /** `policy`: own table and policy rule; `main`: the endpoint alone. */
  readonly routing: 'policy' | 'main';
  readonly checkRoute: boolean;
  /** Glob that the driver's name must match too; null: any driver, or none. */
  readonly driver: string | null;
  /** Glob that the hardware address must match too, in lower case; null: any, or none. */
  readonly macAddress: string | null;
  /** Glob that the path of the device (udev's ID_PATH) must match too; null: any, or none. */
  readonly path: string | null;
  /** Table number; null: the interface's own. */
  readonly table: number | null;
  readonly linkLocal: boolean;
  /** `respect`: no endpoint while a full tunnel takes the traffic; `bypass`: go past it. */
  readonly tunnel: 'respect' | 'bypass';
}

/** `auto` raises what is needed, `leave` never touches; numbers are set as they are. */
export type LimitsSetting =
  'auto' | 'leave' | { readonly subflows: number | null; readonly addAddrAccepted: number | null };

export interface HookSettings {
  /** Milliseconds until a hook that still runs is ended. */
  readonly timeout: number;
  /** Name or number of the user that hooks run as. */
  readonly user: string;
  /** Folders in order of precedence: a file in an earlier one masks its namesake in later ones. */
  readonly path: readonly string[];
}

export interface Configuration {
  /** From top to bottom; the first that matches an interface decides. */
  readonly rules: readonly Rule[];
  readonly limits: LimitsSetting;
  readonly hooks: HookSettings;
  /** Every file that was read, in the order of reading. */
  readonly files: readonly string[];
  /** Sentences that the user should see although the configuration is valid. */
  readonly warnings: readonly string[];
}
