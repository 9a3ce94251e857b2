/** Compares two states of the uplinks. */
import type { StatusDocument, UplinkDocument } from '../../control/document.ts';

export interface UplinkChange extends UplinkDocument {
  /** The previous state; null for a new uplink. `state` is `gone` for one that was removed. */
  readonly was: string | null;
}

const keyOf = ({ ifindex, address }: UplinkDocument): string => `${ifindex}/${address ?? ''}`;
/** The values whose change is reported. A reason with another wording is no change. */
const mark = ({ interface: name, state, gateway, metric, table, endpoint, rule }: UplinkDocument): string =>
  JSON.stringify([name, state, gateway, metric, table, endpoint, rule?.glob]);

export function changes(before: StatusDocument['uplinks'], after: StatusDocument['uplinks']): UplinkChange[] {
  const old = new Map(before.map((uplink) => [keyOf(uplink), uplink]));
  const now = new Set(after.map(keyOf));
  const found: UplinkChange[] = [];
  for (const uplink of before)
    // An entry without an address is not an uplink: it disappears when its interface gets an address.
    if (!now.has(keyOf(uplink)) && uplink.address !== null)
      found.push({
        ...uplink,
        endpoint: null,
        was: uplink.state,
        state: 'gone',
        ...gone(uplink, after),
      });
  for (const uplink of after) {
    const known = old.get(keyOf(uplink));
    if (!known || mark(known) !== mark(uplink)) found.push({ ...uplink, was: known?.state ?? null });
  }
  return found;
}

type Why = Pick<UplinkDocument, 'reason' | 'code' | 'details' | 'stays'>;

function gone({ ifindex }: UplinkDocument, after: StatusDocument['uplinks']): Why {
  const coded = { details: {}, stays: null };
  return after.some((each) => each.ifindex === ifindex)
    ? { reason: 'the address is gone', code: 'address-gone', ...coded }
    : { reason: 'the interface is gone, or no rule selects it any more', code: 'interface-gone', ...coded };
}
