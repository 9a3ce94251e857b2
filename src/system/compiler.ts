/** Settings of V8's compilers for a process that mostly sleeps. */
import { setFlagsFromString } from 'node:v8';

/** Ten times V8's own value, in bytes of executed bytecode. */
const INTERRUPT_BUDGET = 675_840;

/**
 * Optimizes only functions that run for long. A daemon calls each of its functions a few times per change of the
 * network, for days, and the optimizing compiler's threads take more time for these than the faster code saves
 * (docs/performance.md). Code compiled at installation is accepted only under V8's usual flags, so this is called
 * after the program is loaded, and never by the commands that the installation runs. A version of V8 without the flag ignores it.
 */
export function optimizeRarely(): void {
  setFlagsFromString(`--interrupt-budget=${INTERRUPT_BUDGET}`);
}
