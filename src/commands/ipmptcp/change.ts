/** What is different between two looks at the uplinks. */
import type { StatusDocument, UplinkDocument } from '../../control/document.ts';

export interface UplinkChange extends UplinkDocument {
  /** Its state before; null: it is new. `state` is `gone` where it is no more. */
  readonly was: string | null;
}

const keyOf = ({ ifindex, address }: UplinkDocument): string => `${ifindex}/${address ?? ''}`;
/** What a change is; a reason that is worded anew is none. */
const mark = ({ interface: name, state, gateway, metric, table, endpoint, rule }: UplinkDocument): string =>
  JSON.stringify([name, state, gateway, metric, table, endpoint, rule?.glob]);

export function changes(before: StatusDocument['uplinks'], after: StatusDocument['uplinks']): UplinkChange[] {
  const old = new Map(before.map((uplink) => [keyOf(uplink), uplink]));
  const now = new Set(after.map(keyOf));
  const found: UplinkChange[] = [];
  for (const uplink of before)
    // An interface without an address is no uplink: it has found one, or lost its rule.
    if (!now.has(keyOf(uplink)) && uplink.address !== null)
      found.push({
        ...uplink,
        endpoint: null,
        was: uplink.state,
        state: 'gone',
        reason: gone(uplink, after),
      });
  for (const uplink of after) {
    const known = old.get(keyOf(uplink));
    if (!known || mark(known) !== mark(uplink)) found.push({ ...uplink, was: known?.state ?? null });
  }
  return found;
}

const gone = ({ ifindex }: UplinkDocument, after: StatusDocument['uplinks']): string =>
  after.some((each) => each.ifindex === ifindex)
    ? 'the address is gone'
    : 'the interface is gone, or no rule selects it any more';
