/** Adds to uplinks what their joins (MP_JOIN, RFC 8684 section 3.2) and their packets show. */
import type { Misrouted } from '../snapshot/misrouted.ts';
import type { Plan } from './plan.ts';
import type { JoinRecord, Uplink } from './uplink.ts';

/** Join records by the address of the uplink. */
export type JoinRecords = ReadonlyMap<string, JoinRecord>;

export interface Evidence {
  readonly joins: JoinRecords;
  /** By the key of the uplink. */
  readonly misrouted: ReadonlyMap<string, Misrouted>;
}

/** Whether connections use the uplink, so that there may be evidence. */
export const isUsed = ({ state }: Uplink): boolean => state === 'active' || state === 'suspect';

/** A copy of the plan in which active and suspect uplinks have the evidence. */
export function planWithEvidence(planned: Plan, evidence: Evidence): Plan {
  const uplinks = planned.uplinks.map((uplink): Uplink => {
    if (!isUsed(uplink) || !uplink.address) return uplink;
    const joins = evidence.joins.get(uplink.address);
    const misrouted = evidence.misrouted.get(uplink.key);
    return { ...uplink, ...(joins && { joins }), ...(misrouted && { misrouted }) };
  });
  return { ...planned, uplinks };
}
