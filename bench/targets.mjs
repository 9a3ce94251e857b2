/**
 * What multihomed should reach. A time is compared by its ratio to the floor that was measured in the same run, so that
 * a target holds on any machine.
 */

/** `floor`: the median of the floor on the machine of the target; `above`: more than the floor, in the row's unit. */
const TARGETS = {
  'address → endpoint': { floor: 0.15, target: 1 },
  'address → route': { floor: 0.14, target: 0.6 },
  'carrier back → endpoint': { floor: 0.45, target: 1.5 },
  'carrier lost → endpoint gone': { floor: 7.4, target: 8 },
  'carrier lost → endpoint gone, 3 hooks': { floor: 7.4, target: 8, of: 'carrier lost → endpoint gone' },
  'stall at carrier loss, RTT 0 ms': { above: 0.5 },
  // A round trip on the path that is left, and a millisecond.
  'stall at carrier loss, RTT 30/60 ms': { target: 61 },
  'stall when a path dies, upload, RTT 0/0 ms': { target: 100 },
  'stall when a path dies, download, RTT 0/0 ms': { target: 100 },
  'stall when a path dies, upload, RTT 30/60 ms': { target: 300 },
  'stall when a path dies, download, RTT 30/60 ms': { target: 550 },
  'path works again → subflow, RTT 0/0 ms': { target: 2_500 },
  'path works again → subflow, RTT 30/60 ms': { target: 2_500 },
  'reset subflow → back, beside 100 connections': { target: 1_500 },
  'subflows of others closed after a reset': { target: 0 },
  '1,000 connections, busy: CPU': { target: 1 },
  '1,000 connections, idle: wake-ups a second': { target: 1 },
  'CPU for plug and unplug': { floor: 0.22, target: 1.5 },
  '50 plugs → all policy rules': { floor: 20, target: 24 },
  'CPU for 50 plugs': { floor: 2.9, target: 15 },
  '1,000 uplinks: one more plug → policy rule': { target: 2 },
  '1,000 uplinks: CPU for one more plug': { target: 3 },
  '1,000 uplinks: start → all policy rules': { target: 500 },
  '1,000 uplinks: link set down → endpoint gone': { target: 10 },
  '1,000,000 routes, 5,000 changes a second without gateway': { target: 1 },
  '1,000,000 routes, 5,000 changes a second with gateway': { target: 1 },
  'idle: wake-ups a minute': { target: 4 },
  'idle: CPU a minute': { target: 2 },
  'resident memory': { target: 52 },
  'private dirty memory': { target: 10 },
  threads: { target: 8 },
  'exec → READY, no uplink': { floor: 47, target: 85 },
  'exec → READY, 8 uplinks taken over': { floor: 47, target: 85 },
  '--version: CPU': { floor: 50, target: 65 },
  'hooks a second, four uplinks': { least: 600 },
};

/**
 * Adds to each entry of multihomed that has a target: `limit` (in the unit), `ratio` (the limit to the measured floor,
 * or null) and `reached`.
 */
export function withTargets(rows) {
  return rows.map((each) => {
    const goal = each.subject === 'multihomed' ? TARGETS[each.row] : undefined;
    if (goal === undefined) return each;
    const name = goal.of ?? each.row;
    const floor = rows.find(({ row, subject }) => row === name && subject === 'floor')?.median;
    const limit = limitOf(goal, floor);
    if (limit === null) return each;
    const reached = goal.least === undefined ? each.median <= limit : each.median >= limit;
    return { ...each, target: { limit, ratio: floor > 0 ? limit / floor : null, reached } };
  });
}

/** Returns the limit in the row's unit; null: it depends on the floor, which was not measured. */
function limitOf({ floor, target, above, least }, measured) {
  if (least !== undefined) return least;
  if (above !== undefined) return measured === undefined ? null : measured + above;
  if (floor === undefined) return target;
  return measured === undefined ? null : (target / floor) * measured;
}
