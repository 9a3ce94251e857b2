/** The events of hooks, and the facts that each event carries. */
import { reasonText } from '../messages/reason.ts';
import type { Family } from '../rules/rule.ts';

export type HookAction = 'device-add' | 'device-delete' | 'link-up' | 'link-down' | 'up' | 'down' | 'change';

/** The facts about one uplink that a hook gets. */
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

/** The facts about an interface that a rule selects, with or without an address, that a hook gets. */
export interface LinkFacts {
  readonly interface: string;
  readonly ifindex: number;
  readonly rule: string;
  readonly reason: string;
  /** The kernel driver's name from sysfs `device/driver`; null for virtual links. */
  readonly driver: string | null;
}

/** A link with its current state, or with the state that hooks know. */
export interface LinkState extends LinkFacts {
  /** In the state that hooks know: `device-add` ran. */
  readonly added: boolean;
  /** The link has carrier; in the state that hooks know: `link-up` ran. */
  readonly carrier: boolean;
}

/** One run of the hooks. */
export interface Notification<Facts> {
  readonly action: HookAction;
  readonly facts: UplinkFacts | LinkFacts;
  /** The facts that hooks know after this run; null for none. */
  readonly after: Facts | null;
  /** True for a closing run, which revokes an earlier one and takes effect only when it has completed. */
  readonly ends: boolean;
}

/** Chooses the actions for one kind of subject, and decides which changes are worth a run. */
export interface Transitions<Facts> {
  /**
   * Returns the next run that leads from `lastNotified`, the facts that hooks know, to `wanted`, the current facts;
   * null when none is needed. A closing run has the last known values, because hooks use them to undo what they did,
   * and `downReason` as its reason.
   */
  readonly next: (
    lastNotified: Facts | null,
    wanted: Facts | null,
    downReason: string | null,
  ) => Notification<Facts> | null;
}

const sameLink = (lastNotified: LinkFacts | UplinkFacts, wanted: LinkFacts | UplinkFacts): boolean =>
  lastNotified.interface === wanted.interface && lastNotified.ifindex === wanted.ifindex;

/** Ignores changes of the rule's text and of the reason, since a hook cannot act on them. */
const uplinkChanged = (lastNotified: UplinkFacts, wanted: UplinkFacts): boolean =>
  lastNotified.address !== wanted.address ||
  lastNotified.prefixLength !== wanted.prefixLength ||
  lastNotified.gateway !== wanted.gateway ||
  lastNotified.endpointId !== wanted.endpointId ||
  lastNotified.port !== wanted.port ||
  lastNotified.table !== wanted.table ||
  lastNotified.flags.join(' ') !== wanted.flags.join(' ');

export const uplinkTransitions: Transitions<UplinkFacts> = {
  next(lastNotified, wanted, downReason) {
    if (lastNotified === null) return wanted && { action: 'up', facts: wanted, after: wanted, ends: false };
    // A new link of the same name is another uplink: the old one gets `down`, then the new one gets `up`.
    if (wanted === null || !sameLink(lastNotified, wanted) || lastNotified.family !== wanted.family) {
      const facts = { ...lastNotified, reason: downReason ?? lastNotified.reason };
      return { action: 'down', facts, after: null, ends: true };
    }
    if (!uplinkChanged(lastNotified, wanted)) return null;
    return { action: 'change', facts: wanted, after: wanted, ends: false };
  },
};

/** The actions follow this order: device-add, link-up, link-down, device-delete. */
export const linkTransitions: Transitions<LinkState> = {
  next(lastNotified, wanted, downReason) {
    const here = lastNotified !== null && wanted !== null && sameLink(lastNotified, wanted) ? wanted : null;
    if (lastNotified === null || (here !== null && !lastNotified.added)) {
      if (wanted === null) return null;
      const after = { ...wanted, added: true, carrier: lastNotified?.carrier ?? false };
      const facts = { ...linkFacts(wanted), reason: `rule "${wanted.rule}" selects the interface` };
      return { action: 'device-add', facts, after, ends: false };
    }
    if (lastNotified.carrier && !here?.carrier) {
      const facts = { ...linkFacts(lastNotified), reason: here?.reason ?? downReason ?? GONE };
      return { action: 'link-down', facts, after: { ...lastNotified, carrier: false }, ends: true };
    }
    if (here === null) {
      const facts = { ...linkFacts(lastNotified), reason: downReason ?? GONE };
      return { action: 'device-delete', facts, after: null, ends: true };
    }
    if (!here.carrier || lastNotified.carrier) return null;
    return { action: 'link-up', facts: linkFacts(here), after: { ...here, added: true }, ends: false };
  },
};

/** The reason for a link that is gone and for which no other reason is known. */
export const GONE = reasonText({ code: 'interface-gone' });

export const linkFacts = ({ interface: name, ifindex, rule, reason, driver }: LinkFacts): LinkFacts => ({
  interface: name,
  ifindex,
  rule,
  reason,
  driver,
});
