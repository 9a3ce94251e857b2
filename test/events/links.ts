/** Two uplinks of a test's namespace, and the events about them. */
import { expect } from 'vitest';
import type { Net } from '../native/net.ts';

export const FIRST = 'u0';
export const SECOND = 'w0';

/** Adds FIRST with 10.1.0.2/24 and SECOND with 10.2.0.2/24, and waits for their carrier. */
export async function addLinks(net: Net): Promise<void> {
  net.batch(
    ...[FIRST, SECOND].flatMap((name, n) => [
      `link add ${name} type veth peer name p${n}`,
      // No link-local addresses, whose events come seconds later.
      `link set ${name} addrgenmode none`,
      `link set p${n} addrgenmode none`,
      `link set ${name} up`,
      `link set p${n} up`,
      `address add 10.${n + 1}.0.2/24 dev ${name}`,
    ]),
  );
  await expect.poll(() => net.ip('-o link show up')).not.toContain('NO-CARRIER');
}
