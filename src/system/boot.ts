/** Which boot this is: proc_sys_kernel(5)'s random/boot_id. */
import { readFileSync } from 'node:fs';

export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}
