/** From which random tests draw: another number at each run of test/run.mjs, which prints it; MULTIHOMED_SEED repeats one. */
export const SEED = Number(
  process.env['MULTIHOMED_SEED'] ?? process.env['MULTIHOMED_DRAWN_SEED'] ?? Date.now() % 2 ** 31,
);
