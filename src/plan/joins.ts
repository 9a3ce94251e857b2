/** Adds to uplinks what their joins (MP_JOIN, RFC 8684 section 3.2) show. */
import type { Plan } from './plan.ts';
import type { JoinRecord, Uplink } from './uplink.ts';

/** Join records by the address of the uplink. */
export type JoinRecords = ReadonlyMap<string, JoinRecord>;

/** @returns null: the last join was established, or there was none */
export function joinsText({ streak, last }: JoinRecord): string | null {
  if (streak === 0 || !last) return null;
  const what = streak === 1 ? 'the last join failed' : `the last ${streak} joins failed`;
  return `${what}: ${last.errno}`;
}

/** A copy of the plan in which active uplinks have their join records, and the reason names joins that fail. */
export function planWithJoins(planned: Plan, records: JoinRecords): Plan {
  const uplinks = planned.uplinks.map((uplink): Uplink => {
    const joins =
      (uplink.state === 'active' || uplink.state === 'suspect') && uplink.address
        ? records.get(uplink.address)
        : undefined;
    if (!joins) return uplink;
    const text = joinsText(joins);
    return { ...uplink, joins, reason: text === null ? uplink.reason : `${uplink.reason}, but ${text}` };
  });
  return { ...planned, uplinks };
}
