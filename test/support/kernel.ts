/** The version of the running kernel. */
import { release } from 'node:os';

/** Whether the kernel is older than this version. */
export function isKernelBefore(major: number, minor: number): boolean {
  const [ours = 0, minorOurs = 0] = release().split('.').map(Number);
  return ours < major || (ours === major && minorOurs < minor);
}
