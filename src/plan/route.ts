/** Fifth step: the routes and policy rules that an address is to have. */
import type { Snapshot } from '../snapshot/snapshot.ts';
import type { Assessed, Routed } from './evaluation.ts';
import { routingOf } from './routing.ts';

/** An address that has a verdict already gets none. */
export function route(allocated: Assessed, snapshot: Snapshot): Routed {
  const { candidate, path, verdict } = allocated;
  const routing = path && !verdict ? routingOf({ candidate, default: path.default }, snapshot) : null;
  return { ...allocated, routing };
}
