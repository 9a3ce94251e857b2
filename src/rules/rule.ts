/** The types of a rule and of the whole configuration, after validation. */

import type { Family } from '../netlink/ip.ts';
import type { EndpointFlag } from '../netlink/mptcp/flag-words.ts';
import type { ProbeTarget } from './probe-target.ts';

export type { EndpointFlag, Family };

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
  /** True: interfaces that match are listed in `status` and otherwise left alone. */
  readonly ignore: boolean;
  readonly flags: readonly EndpointFlag[];
  /** Port on which subflows are also accepted; null for none. */
  readonly port: number | null;
  /** In order of preference. */
  readonly families: readonly Family[];
  readonly addresses: AddressChoice;
  /** Maximum number of endpoints of one family on one interface; Infinity for `all`. */
  readonly perInterface: number;
  /** `policy`: endpoint, routing table and policy rule; `main`: the endpoint only. */
  readonly routing: 'policy' | 'main';
  readonly checkRoute: boolean;
  /** Glob that the driver's name must also match; null allows any driver, or none. */
  readonly driver: string | null;
  /** Glob that the hardware address must also match, in lower case; null allows any, or none. */
  readonly macAddress: string | null;
  /** Glob that the path of the device (udev's ID_PATH) must also match; null allows any, or none. */
  readonly path: string | null;
  /** Table number; null for the interface's own table. */
  readonly table: number | null;
  readonly linkLocal: boolean;
  /** `respect`: no endpoint while a full tunnel takes the traffic; `bypass`: route around the tunnel. */
  readonly tunnel: 'respect' | 'bypass';
}

/** `auto` raises the limits as far as needed, `leave` never changes them; numbers are set as they are. */
export type LimitsSetting =
  'auto' | 'leave' | { readonly subflows: number | null; readonly addAddrAccepted: number | null };

export interface HookSettings {
  /** Milliseconds after which a running hook is ended. */
  readonly timeout: number;
  /** Name or number of the user that hooks run as. */
  readonly user: string;
  /** Folders in order of precedence: a file in an earlier folder masks those of the same name in later ones. */
  readonly path: readonly string[];
}

/** Packets that are sent over each uplink to find out whether its path works. */
export interface ProbeSettings {
  /** A path works if one target of its family answers. */
  readonly track: readonly ProbeTarget[];
  /** Milliseconds between two probes. */
  readonly interval: number;
  /** Milliseconds after which an answer is overdue. */
  readonly timeout: number;
  /** Probes in a row that must be answered before a suspect uplink is used again. */
  readonly up: number;
  /** Probes in a row without an answer after which an uplink is suspect. */
  readonly down: number;
}

/** When a path counts as failed although its link has carrier. */
export interface HealthSettings {
  /** false: paths are not watched. */
  readonly detect: boolean;
  /** Multiples of a subflow's round-trip time that an answer may take. */
  readonly rttFactor: number;
  /** Milliseconds in addition. */
  readonly margin: number;
  /** null: nothing is sent. */
  readonly probe: ProbeSettings | null;
}

export interface Configuration {
  /** From top to bottom; the first that matches an interface applies to it. */
  readonly rules: readonly Rule[];
  readonly limits: LimitsSetting;
  readonly hooks: HookSettings;
  readonly health: HealthSettings;
  /** Every file that was read, in the order of reading. */
  readonly files: readonly string[];
  readonly warnings: readonly ConfigurationWarning[];
}

/** A mistake in a configuration that is valid nevertheless; `warningText` returns the words. */
export type ConfigurationWarning =
  /** `by`: the main file that is read in its place. */
  | { readonly code: 'second-main-file'; readonly file: string; readonly by: string }
  | { readonly code: 'drop-in-name'; readonly file: string }
  /** A packaged rule with the glob of a rule in a drop-in of the administrator. */
  | { readonly code: 'rule-hidden'; readonly rule: Rule; readonly by: Rule }
  | { readonly code: 'rule-shadowed'; readonly rule: Rule; readonly by: Rule }
  /** Each interface would remove the default route of the other from the table. */
  | { readonly code: 'table-shared'; readonly table: number; readonly rule: Rule; readonly other: Rule }
  /** As `table-shared`, for the interfaces of one rule. */
  | { readonly code: 'table-of-glob'; readonly table: number; readonly rule: Rule }
  /** `searched`: the file, or the files and folders, that were read; `file`: where a rule may be written. */
  | { readonly code: 'no-rule'; readonly searched: readonly string[]; readonly file: string };
