/**
 * The measurements. Each row's `run` calls `add(row, unit, value)` once for each value; Infinity: the change had no
 * effect in time. `subjects` selects the subjects that are measured; `rounds`: the maximum number of rounds.
 */
import { ROWS as HEALTH } from './rows/health.mjs';
import { ROWS as LOAD } from './rows/load.mjs';
import { ROWS as PLUG } from './rows/plug.mjs';
import { ROWS as SCALE } from './rows/scale.mjs';
import { ROWS as START } from './rows/start.mjs';
import { ROWS as TRANSFER } from './rows/transfer.mjs';

export const ROWS = [...PLUG, ...TRANSFER, ...HEALTH, ...START, ...SCALE, ...LOAD];
