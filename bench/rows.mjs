/**
 * The measurements. Each row's `run` calls `add(row, unit, value)` once for each value; infinite: the subject missed the
 * change. `subjects` says for which subjects it is; `rounds`: the greatest number of rounds.
 */
import { ROWS as LOAD } from './rows/load.mjs';
import { ROWS as PLUG } from './rows/plug.mjs';
import { ROWS as SCALE } from './rows/scale.mjs';
import { ROWS as START } from './rows/start.mjs';
import { ROWS as TRANSFER } from './rows/transfer.mjs';

export const ROWS = [...PLUG, ...TRANSFER, ...START, ...SCALE, ...LOAD];
