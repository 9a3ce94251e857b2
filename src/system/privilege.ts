/** Checks whether this process may change the network; and the message if it may not. */
import { readFileSync } from 'node:fs';

/** The beginning of every error about missing privileges. */
export const NEEDS_ROOT = 'needs root (CAP_NET_ADMIN)';

/** linux/capability.h */
const CAP_NET_ADMIN = 12n;

/** Reads the effective capabilities, capabilities(7). They apply to this user namespace and those below it. */
export function isNetAdmin(): boolean {
  const [, effective = '0'] =
    /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1')) ?? [];
  return ((BigInt(`0x${effective}`) >> CAP_NET_ADMIN) & 1n) === 1n;
}
