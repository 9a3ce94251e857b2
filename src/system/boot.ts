/** Identifies the current boot by random/boot_id of proc_sys_kernel(5). */
import { readFileSync } from 'node:fs';

/** A UUID that differs at each boot. */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}
