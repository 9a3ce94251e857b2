/** Uplinks whose path does not answer although the link has carrier. */
import type { Snapshot, Suspect } from '../snapshot/snapshot.ts';
import { lookupKey } from '../snapshot/snapshot.ts';
import type { Candidate } from './candidate.ts';
import type { Reason } from './reason.ts';
import { countCut } from './withdraw.ts';

/** @returns null: the path is not suspect */
export const suspectOf = (
  { selected, address }: Candidate,
  { suspects }: Pick<Snapshot, 'suspects'>,
): Suspect | null => suspects?.get(lookupKey(selected.link.index, address.address)) ?? null;

/** The reason of a suspect uplink. The pause is 0 if its endpoint is in place, since the path is in use or is tried. */
export const suspectReason = ({
  unanswered,
  pause,
  present,
  probe,
  isSilent = false,
}: Suspect): Extract<Reason, { readonly code: 'unanswered' | 'silent' | 'probe-failed' }> =>
  probe
    ? { code: 'probe-failed', ...probe }
    : { code: isSilent ? 'silent' : 'unanswered', unanswered, pause: present ? 0 : pause };

/**
 * Whether an open connection uses this address and has subflows only on suspect uplinks; true if the connections are
 * not known. The kernel ends a connection net.mptcp.close_timeout after its last subflow, even if the path works again.
 */
export function isLastOfConnection(address: string, snapshot: Snapshot): boolean {
  const { connections, suspects } = snapshot;
  if (!connections) return true;
  const suspectAddresses = new Set(
    [...(suspects?.keys() ?? [])].map((key) => key.slice(key.indexOf('/') + 1)),
  );
  return (
    countCut(
      connections.filter((locals) => locals.includes(address)),
      suspectAddresses,
    ) > 0
  );
}
