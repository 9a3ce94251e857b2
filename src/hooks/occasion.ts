/** What a hook can be told, and of whom. */
import type { Family } from '../rules/rule.ts';

export type HookAction = 'link-up' | 'link-down' | 'up' | 'down' | 'change';

/** What a hook is told of one uplink. */
export interface UplinkFacts {
  readonly interface: string;
  readonly ifindex: number;
  readonly family: Family;
  readonly address: string;
  readonly prefixLength: number;
  readonly gateway: string | null;
  /** The glob of the rule that selected the interface. */
  readonly rule: string;
  readonly reason: string;
  readonly endpointId: number | null;
  readonly flags: readonly string[];
  readonly port: number | null;
  readonly table: number | null;
}

/** What a hook is told of an interface that a rule selects, whether or not it has an address. */
export interface LinkFacts {
  readonly interface: string;
  readonly ifindex: number;
  readonly rule: string;
  readonly reason: string;
  /** The kernel driver's name from sysfs `device/driver`; null for virtual links. */
  readonly driver: string | null;
}

/** What one kind of thing is called when it comes and goes, and what of it is worth telling. */
export interface Vocabulary<Facts> {
  readonly come: HookAction;
  readonly go: HookAction;
  /** Null: nothing of it can change without its going and coming again. */
  readonly change: HookAction | null;
  /** False: a namesake, but another thing; the old one goes and the new one comes. */
  readonly same: (told: Facts, wanted: Facts) => boolean;
  readonly changed: (told: Facts, wanted: Facts) => boolean;
}

export const uplinkWords: Vocabulary<UplinkFacts> = {
  come: 'up',
  go: 'down',
  change: 'change',
  same: (told, wanted) =>
    told.interface === wanted.interface && told.ifindex === wanted.ifindex && told.family === wanted.family,
  // The rule's wording and the reason are left out: a hook could do nothing with the news.
  changed: (told, wanted) =>
    told.address !== wanted.address ||
    told.prefixLength !== wanted.prefixLength ||
    told.gateway !== wanted.gateway ||
    told.endpointId !== wanted.endpointId ||
    told.port !== wanted.port ||
    told.table !== wanted.table ||
    told.flags.join(' ') !== wanted.flags.join(' '),
};

export const linkWords: Vocabulary<LinkFacts> = {
  come: 'link-up',
  go: 'link-down',
  change: null,
  same: (told, wanted) => told.interface === wanted.interface && told.ifindex === wanted.ifindex,
  changed: () => false,
};
