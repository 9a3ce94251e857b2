/** Derives from the plan of each pass the complete state of which hooks are to be notified. */
import { flagNames } from '../netlink/mptcp/flags.ts';
import type { Plan } from '../plan/plan.ts';
import type { Uplink } from '../plan/uplink.ts';
import type { HookDispatcher } from '../hooks/dispatcher.ts';
import { GONE, type LinkState, type UplinkFacts } from '../hooks/facts.ts';
import type { HookRecord } from '../hooks/record.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';
import { carrierReason } from '../plan/reason.ts';
import { reasonText, stateText, uplinkReason } from '../messages/reason.ts';

export interface DesiredState {
  readonly uplinks: ReadonlyMap<string, UplinkFacts>;
  readonly links: ReadonlyMap<string, LinkState>;
  /** Why uplinks and links that hooks know are missing from both maps, by key. */
  readonly downReasons: ReadonlyMap<string, string>;
}

/** Starts the hooks that this state requires, without waiting for them. */
export function informHooks(
  hooks: Pick<HookDispatcher, 'wantUplinks' | 'wantLinks'>,
  { uplinks, links, downReasons }: DesiredState,
): void {
  hooks.wantUplinks(uplinks, downReasons);
  hooks.wantLinks(links, downReasons);
}

/** The state after a pass. `notified`: what hooks were last notified of; an uplink keeps the key that hooks know. */
export function desiredState(
  plan: Plan,
  snapshot: Snapshot,
  notified: HookRecord,
  { paused }: { readonly paused: boolean },
): DesiredState {
  const uplinks = new Map<string, UplinkFacts>();
  const downReasons = new Map<string, string>();
  const firsts = firstAddresses(plan, notified);
  for (const uplink of plan.uplinks) {
    const { family, address, prefixLength, rule } = uplink;
    if (!family || !address) continue;
    const place = placeOf(uplink);
    const key = firsts.get(place) === address ? place : `${place}/${address}`;
    if (uplink.state !== 'active' || prefixLength === null || !rule) {
      const known = notified.uplinks[place]?.address === address ? place : key;
      downReasons.set(known, stateText(uplink));
      continue;
    }
    uplinks.set(key, {
      interface: uplink.interface,
      ifindex: uplink.ifindex,
      family,
      address,
      prefixLength,
      gateway: uplink.gateway,
      rule: rule.glob,
      reason: uplinkReason(uplink),
      endpointId: uplink.endpoint?.id ?? null,
      flags: flagNames(uplink.flags),
      port: rule.port,
      table: uplink.table,
    });
  }
  if (!paused) keepForSuccessors(plan, notified, uplinks);
  const links = new Map<string, LinkState>();
  for (const { link, rule } of plan.selected) {
    if (rule.ignore) continue;
    links.set(`${link.index}`, {
      interface: link.name,
      ifindex: link.index,
      rule: rule.glob,
      reason: link.usable ? 'the link has carrier' : reasonText(carrierReason(link.flags)),
      driver: snapshot.drivers.get(link.index) ?? null,
      added: true,
      carrier: link.usable,
    });
  }
  for (const [key, { ifindex }] of Object.entries({
    ...notified.uplinks,
    ...notified.links,
    ...notified.devices,
  }))
    if (!downReasons.has(key)) downReasons.set(key, whyGone(ifindex, plan, snapshot));
  return { uplinks, links, downReasons };
}

/** Why the plan no longer has an uplink or link that hooks know, in the words that are used for a lingering uplink. */
function whyGone(ifindex: number, plan: Plan, snapshot: Snapshot): string {
  if (!snapshot.links.has(ifindex)) return GONE;
  const selected = plan.selected.find(({ link }) => link.index === ifindex);
  if (!selected) return 'no rule selects the interface any more';
  return selected.rule.ignore ? 'the rule says ignore' : 'the address is gone';
}

/**
 * The address that represents each interface and family: the one that hooks know, or else a new one. Hooks see a new
 * representative as the same uplink, so that the replacement of an address is a `change`. If hooks know several
 * addresses of an interface, a `change` would not say which one is replaced; then one is reported as down and the
 * other as up.
 */
function firstAddresses(plan: Plan, notified: HookRecord): Map<string, string> {
  const firsts = new Map<string, string>();
  const active = plan.uplinks.filter((uplink) => uplink.state === 'active' && uplink.address !== null);
  for (const uplink of active) {
    const place = placeOf(uplink);
    const known = notified.uplinks[`${place}/${uplink.address}`] !== undefined;
    const before = notified.uplinks[place];
    const follows = !known && !firsts.has(place) && (!before || isAlone(place, notified));
    if (before?.address === uplink.address || follows) firsts.set(place, uplink.address!);
  }
  return firsts;
}

const isAlone = (place: string, notified: HookRecord): boolean =>
  !Object.keys(notified.uplinks).some((key) => key.startsWith(`${place}/`));

const placeOf = ({ ifindex, family }: Uplink): string => `${ifindex}/${family}`;

/** An address that is about to be replaced is not reported as `down`; its successor is reported as a `change`. */
function keepForSuccessors(plan: Plan, notified: HookRecord, uplinks: Map<string, UplinkFacts>): void {
  for (const uplink of plan.uplinks) {
    const place = placeOf(uplink);
    const before = notified.uplinks[place];
    if (uplink.state === 'verified' && before && !uplinks.has(place) && isAlone(place, notified))
      uplinks.set(place, before);
  }
}
