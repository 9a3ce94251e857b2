/** Whether this process may change the network, and the text for where it may not. */
import { readFileSync } from 'node:fs';

/** How every refusal for want of privileges begins. */
export const NEEDS_ROOT = 'needs root (CAP_NET_ADMIN)';

/** linux/capability.h */
const CAP_NET_ADMIN = 12n;

/** By the effective capabilities, capabilities(7); they hold for this user namespace and those below it. */
export function isNetAdmin(): boolean {
  const [, effective = '0'] =
    /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1')) ?? [];
  return ((BigInt(`0x${effective}`) >> CAP_NET_ADMIN) & 1n) === 1n;
}
