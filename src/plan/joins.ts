/** Adds to uplinks what their joins (MP_JOIN, RFC 8684 section 3.2) show. */
import type { Plan } from './plan.ts';
import type { JoinRecord, Uplink } from './uplink.ts';

/** Join records by the address of the uplink. */
export type JoinRecords = ReadonlyMap<string, JoinRecord>;

/** A copy of the plan in which active and suspect uplinks have their join records. */
export function planWithJoins(planned: Plan, records: JoinRecords): Plan {
  const uplinks = planned.uplinks.map((uplink): Uplink => {
    const isUsed = uplink.state === 'active' || uplink.state === 'suspect';
    const joins = isUsed && uplink.address ? records.get(uplink.address) : undefined;
    return joins ? { ...uplink, joins } : uplink;
  });
  return { ...planned, uplinks };
}
