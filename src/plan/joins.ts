/** What the joins on an uplink say of it. */
import type { Plan } from './plan.ts';
import type { JoinRecord, Uplink } from './uplink.ts';

/** By the address of the uplink. */
export type JoinRecords = ReadonlyMap<string, JoinRecord>;

/** @returns null: the last one was established, or there was none */
export function joinsText({ streak, last }: JoinRecord): string | null {
  if (streak === 0 || !last) return null;
  const what = streak === 1 ? 'the last join failed' : `the last ${streak} joins failed`;
  return `${what}: ${last.errno}`;
}

/** The same plan, in which active uplinks have their joins, and those on which joins fail say so. */
export function planWithJoins(planned: Plan, records: JoinRecords): Plan {
  const uplinks = planned.uplinks.map((uplink): Uplink => {
    const joins = uplink.state === 'active' && uplink.address ? records.get(uplink.address) : undefined;
    if (!joins) return uplink;
    const text = joinsText(joins);
    return { ...uplink, joins, reason: text === null ? uplink.reason : `${uplink.reason}, but ${text}` };
  });
  return { ...planned, uplinks };
}
