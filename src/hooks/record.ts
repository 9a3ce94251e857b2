/** The journal's record of what hooks know. */
import { isSafeName } from './environment.ts';
import { linkFacts, type LinkFacts, type LinkState, type UplinkFacts } from './facts.ts';

/**
 * The facts that hooks were notified of and that no closing run has revoked, by the caller's keys. Plain data for the
 * journal.
 */
export interface HookRecord {
  readonly uplinks: Readonly<Record<string, UplinkFacts>>;
  /** Links for which `link-up` ran. */
  readonly links: Readonly<Record<string, LinkFacts>>;
  /** Links for which `device-add` ran; absent in the record of an older version. */
  readonly devices?: Readonly<Record<string, LinkFacts>>;
  /** Keys of uplinks and links whose closing run has started and has not completed. */
  readonly closing: readonly string[];
}

export const EMPTY_HOOK_RECORD: HookRecord = { uplinks: {}, links: {}, closing: [] };

/**
 * Reads a record from outside, such as a journal of another version. In earlier versions `closing` is `leaving`.
 * @returns null: the record does not fit
 */
export function readHookRecord(value: unknown): HookRecord | null {
  if (typeof value !== 'object' || value === null) return null;
  const { leaving, ...record } = value as { [part: string]: unknown };
  const { uplinks, links, devices, closing = leaving } = record;
  const fits = devices === undefined || isRecordOf(devices, LINK);
  if (!fits || !isRecordOf(uplinks, UPLINK) || !isRecordOf(links, LINK) || !isStrings(closing)) return null;
  return { ...record, closing } as unknown as HookRecord;
}

type Check = (value: unknown) => boolean;
type FieldChecks<Facts> = { readonly [key in keyof Facts]-?: Check };

const isString: Check = (value) => typeof value === 'string';
const isNumber: Check = (value) => typeof value === 'number';
const isStrings: Check = (value) => Array.isArray(value) && value.every(isString);
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value);

const NAMED = {
  interface: (value: unknown) => typeof value === 'string' && isSafeName(value),
  ifindex: isNumber,
  rule: isString,
  reason: isString,
};
const LINK: FieldChecks<LinkFacts> = { ...NAMED, driver: orNull(isString) };
const UPLINK: FieldChecks<UplinkFacts> = {
  ...NAMED,
  family: (value) => value === 'ipv4' || value === 'ipv6',
  address: isString,
  prefixLength: isNumber,
  gateway: orNull(isString),
  endpointId: orNull(isNumber),
  flags: isStrings,
  port: orNull(isNumber),
  table: orNull(isNumber),
};

/** Requires exactly these keys, because the values are passed to hooks and written to the journal again. */
function isRecordOf<Facts>(value: unknown, shape: FieldChecks<Facts>): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Object.values(value).every((facts: unknown) => {
    if (typeof facts !== 'object' || facts === null) return false;
    const known = Object.entries<Check>(shape);
    return (
      Object.keys(facts).every((key) => Object.hasOwn(shape, key)) &&
      known.every(([key, check]) => check((facts as { [part: string]: unknown })[key]))
    );
  });
}

/** @returns the state of each link that hooks know, by key */
export function linkStates({ links, devices = {} }: HookRecord): Record<string, LinkState> {
  const states: Record<string, LinkState> = {};
  for (const [key, facts] of Object.entries({ ...devices, ...links })) {
    const [added, carrier] = [Object.hasOwn(devices, key), Object.hasOwn(links, key)];
    states[key] = { ...facts, added, carrier };
  }
  return states;
}

/** The inverse of `linkStates`. */
export function linkRecord(
  states: Readonly<Record<string, LinkState>>,
): Pick<HookRecord, 'links' | 'devices'> {
  const facts = (of: (state: LinkState) => boolean): Record<string, LinkFacts> =>
    Object.fromEntries(
      Object.entries(states)
        .filter(([, state]) => of(state))
        .map(([key, state]) => [key, linkFacts(state)]),
    );
  return { links: facts(({ carrier }) => carrier), devices: facts(({ added }) => added) };
}
