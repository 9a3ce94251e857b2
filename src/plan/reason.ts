/**
 * Why an uplink has its state: a code with the names, numbers and addresses that the sentence needs. Codes and fields
 * are part of the JSON output and stable; src/messages/ has the words.
 */
import type { Family } from '../netlink/ip.ts';
import type { MissingDefault } from '../snapshot/snapshot.ts';

/** Where packets leave, or the errno with which the kernel refuses them. */
export type EgressDetails =
  | { readonly kind: 'leaves'; readonly interfaces: readonly string[]; readonly table: number }
  | { readonly kind: 'none'; readonly errno: string }
  | { readonly kind: 'specific' };

/** Kinds of objects that another program keeps removing. */
export type RemovedObject = 'routes' | 'policy rules' | 'endpoint';

/** Ranges of addresses that are no uplinks. */
export type ExcludedRange =
  'loopback' | 'link-local' | 'unspecified' | 'multicast' | 'broadcast' | 'ipv4-mapped' | 'unique-local';

/** Why an address of a selected interface is not used, as far as its own properties say. */
type AddressReason =
  | { readonly code: 'address-range'; readonly range: ExcludedRange }
  | { readonly code: 'address-deprecated' }
  /** The rule says `addresses: stable`. */
  | { readonly code: 'address-temporary' }
  /** The rule says `addresses: temporary`. */
  | { readonly code: 'address-not-temporary' }
  | { readonly code: 'other-source'; readonly source: string }
  | { readonly code: 'per-interface'; readonly limit: number }
  | { readonly code: 'tentative' }
  | { readonly code: 'duplicate-address' }
  | { readonly code: 'same-address-prefix'; readonly prefixLength: number };

type LinkReason =
  | { readonly code: 'link-down' }
  | { readonly code: 'no-carrier' }
  | { readonly code: 'ignored-by-rule' }
  | { readonly code: 'no-address'; readonly families: readonly Family[] }
  | {
      readonly code: 'no-usable-address';
      readonly address: string;
      readonly because: Reason;
      /** How many further addresses cannot be used. */
      readonly more: number;
    }
  | { readonly code: 'interface-gone' }
  | { readonly code: 'address-gone' }
  | { readonly code: 'not-selected' };

type RouteReason =
  /** `missing`: null if no look-up was made. */
  | {
      readonly code: 'no-default-route';
      readonly interface: string;
      readonly missing: MissingDefault | null;
    }
  /** A policy rule of the host refuses packets from the address. `rule`: in the words of ip-rule(8). */
  | {
      readonly code: 'host-rule-refuses';
      readonly priority: number;
      readonly rule: string;
      readonly errno: string;
    }
  | {
      readonly code: 'host-rule-elsewhere';
      readonly priority: number;
      readonly rule: string;
      readonly family: Family;
      readonly interfaces: readonly string[];
    }
  /**
   * A full tunnel. `priority`: of the policy rule that leads there; null: none. `split`: by routes that are more
   * specific.
   */
  | {
      readonly code: 'tunnel';
      readonly interface: string;
      readonly priority: number | null;
      readonly table: number;
      readonly split: boolean;
    }
  | { readonly code: 'tunnel-refuses'; readonly priority: number; readonly rule: string }
  /** Data got no answer. Milliseconds: `unanswered` how long, `pause` until the path is tried again, 0: at once. */
  | { readonly code: 'unanswered'; readonly unanswered: number; readonly pause: number }
  /** Data of the peers stopped arriving, and a new subflow got no answer. As in `unanswered`. */
  | { readonly code: 'silent'; readonly unanswered: number; readonly pause: number }
  /** Probes got no answer. `targets`: those of the family, as the user wrote them. `probes`: how many in a row. */
  | { readonly code: 'probe-failed'; readonly targets: readonly string[]; readonly probes: number }
  /** A policy rule of another program decides before those of multihomed. */
  | { readonly code: 'policy-rule'; readonly priority: number; readonly egress: EgressDetails }
  | { readonly code: 'wrong-egress'; readonly egress: EgressDetails }
  | { readonly code: 'table-taken'; readonly table: number; readonly address: string };

type OwnerReason =
  | { readonly code: 'foreign-endpoint'; readonly id: number; readonly flags: readonly string[] }
  | { readonly code: 'same-address-first'; readonly interface: string }
  | { readonly code: 'same-address-elsewhere'; readonly interface: string }
  | { readonly code: 'same-address-twice' }
  | { readonly code: 'objects-removed'; readonly objects: readonly RemovedObject[] };

/** `gateway`: of the default route; null: it has none. */
type ProgressReason =
  | { readonly code: 'default-route'; readonly gateway: string | null }
  /** Active without a default route, which the rule allows. */
  | { readonly code: 'route-not-checked'; readonly interface: string }
  | { readonly code: 'routing-next' }
  | { readonly code: 'routing-and-endpoint-next'; readonly gateway: string | null }
  | { readonly code: 'endpoint-next'; readonly gateway: string | null }
  | { readonly code: 'old-rules-first'; readonly gateway: string | null }
  | { readonly code: 'routing-restored' }
  | { readonly code: 'paused' };

type RefusalReason =
  /** The kernel's answer. `errno`: null if there was nothing to delete. */
  | { readonly code: 'refused'; readonly errno: string | null; readonly message: string }
  /** A changed endpoint was refused, so the old one stays. `final`: until the next reload. */
  | {
      readonly code: 'change-refused';
      readonly errno: string | null;
      readonly message: string;
      readonly final: boolean;
    }
  | { readonly code: 'no-free-slot'; readonly endpoints: number; readonly foreign: number }
  | { readonly code: 'mptcp-disabled' }
  | {
      readonly code: 'userspace-path-manager';
      readonly sysctl: 'path_manager' | 'pm_type';
      readonly value: string;
    };

export type Reason = AddressReason | LinkReason | RouteReason | OwnerReason | ProgressReason | RefusalReason;

/** Until when the endpoint of a lingering or suspect uplink stays. */
export type Stay =
  | { readonly code: 'until-active'; readonly family: Family }
  /** Open connections have no subflow on another path that answers. */
  | { readonly code: 'until-other-subflow' }
  /** Outside a full tunnel. `connections`: how many use it; null: not known. */
  | { readonly code: 'until-unused'; readonly connections: number | null }
  /** The user withdrew it. `connections`: how many its removal would cut. */
  | { readonly code: 'until-closed'; readonly connections: number; readonly id: number };

/** Why a link is not usable. `flags`: IFF_* bits (linux/if.h). */
export const carrierReason = (flags: number): Reason =>
  flags & IFF_UP ? { code: 'no-carrier' } : { code: 'link-down' };

const IFF_UP = 1;

/** Whether a full tunnel takes the traffic of the address. */
export const isTunnelReason = (reason: Reason | undefined): boolean =>
  reason?.code === 'tunnel' || reason?.code === 'tunnel-refuses';

/** The fields of a reason without its code. */
export type Details = Reason extends infer Each ? (Each extends Reason ? Omit<Each, 'code'> : never) : never;

/** A reason as JSON output has it. */
export function coded({ code, ...details }: Reason): {
  readonly code: Reason['code'];
  readonly details: Details;
} {
  return { code, details };
}
