/** Seed of random tests. test/run.mjs chooses a new one for each run and prints it; MULTIHOMED_SEED repeats a run. */
export const SEED = Number(
  process.env['MULTIHOMED_SEED'] ?? process.env['MULTIHOMED_DRAWN_SEED'] ?? Date.now() % 2 ** 31,
);
