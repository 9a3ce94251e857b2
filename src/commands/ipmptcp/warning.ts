/** Warnings on standard error about changes that the kernel accepts. */
import { getEndpoint, type Endpoint } from '../../netlink/mptcp/endpoint.ts';
import { dumpSubflowSockets } from '../../netlink/diag.ts';
import { NetlinkConnection } from '../../netlink/connection.ts';
import { NetlinkError } from '../../netlink/error.ts';
import { unmapIPv4 } from '../../netlink/ip.ts';
import { dumpAddresses } from '../../netlink/route/address.ts';
import { flagNames, NEWER_FLAGS } from '../../netlink/mptcp/flags.ts';
import { NETLINK_SOCK_DIAG } from '../../system/addon.ts';
import { systemClock } from '../../system/clock.ts';
import { inetText } from './text.ts';
import { hasDaemon, type Namespace } from '../namespace.ts';
import { complain } from '../print.ts';
import { isOwned } from '../../actions/ownership.ts';

export const warn = (text: string): void => complain(`warning: ${text}`);

/** Warns about endpoints of the daemon among those that are about to be deleted or changed. */
export async function warnOwned(
  namespace: Namespace,
  endpoints: readonly Endpoint[],
  what: 'deleted' | 'changed',
): Promise<void> {
  const { state } = namespace.journal.read();
  const owned = endpoints.filter((endpoint) => isOwned(state, endpoint));
  if (owned.length === 0) return;
  const names = owned.map(({ id, address }) => `${address} (id ${id})`).join(', ');
  // A daemon that does not answer still runs.
  const runs = await hasDaemon(namespace).catch(() => true);
  const restored = what === 'deleted' ? 'adds it again' : 'restores its flags';
  warn(
    `managed by multihomed: ${names}. ${runs ? 'The daemon' : 'The daemon, when it is started,'} ${restored} if a rule selects the address; ` +
      'to prevent this, change the rule in /etc/multihomed/config.yaml',
  );
}

/** Warns about an endpoint that the kernel accepts although it has no effect. */
export async function warnUseless({ kernel }: Namespace, added: Endpoint): Promise<void> {
  const { address, flags, id } = added;
  if (flags === 0) warn('an endpoint without signal or subflow has no effect');
  if (flags & NEWER_FLAGS && id !== 0) {
    const found = await getEndpoint(kernel.generic, kernel.mptcp, id);
    const dropped = found ? flagNames(flags & ~found.flags) : [];
    if (dropped.length > 0) warn(`this kernel does not know ${dropped.join(', ')} and ignored it`);
  }
  const addresses = await dumpAddresses(kernel.route);
  if (!addresses.some((each) => each.address === unmapIPv4(address)))
    warn(`no interface of this host has the address ${inetText(address)} now`);
}

/** @returns the number of connections that started from this address, as far as the kernel reports it */
export async function connectionsFrom(address: string): Promise<number> {
  const diag = new NetlinkConnection({ protocol: NETLINK_SOCK_DIAG, clock: systemClock });
  try {
    const initial = (await dumpSubflowSockets(diag)).filter(
      ({ ids, local }) => ids.local === 0 && unmapIPv4(local.address) === unmapIPv4(address),
    );
    return new Set(initial.map(({ token }) => token)).size;
  } catch (error) {
    if (error instanceof NetlinkError) return 0;
    throw error;
  } finally {
    diag.close();
  }
}
