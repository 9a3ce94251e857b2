/** Explains the kernel's refusals. The kernel uses one text for EEXIST, EBUSY, ERANGE and EINVAL. */
import { NetlinkError } from '../../netlink/error.ts';
import { unmapIPv4 } from '../../netlink/ip.ts';
import { MPTCP_PM_ADDR_FLAG_IMPLICIT, type Endpoint } from '../../netlink/mptcp/endpoint.ts';
import { ExitError, EXIT } from '../exit.ts';
import { endpointText, type Names } from './text.ts';

const SHARED = ['EEXIST', 'EBUSY', 'ERANGE', 'EINVAL', 'ENOSPC'];
const SHARED_TEXT = /too many addresses or duplicate/;

/** @param existing the endpoints in a dump after the refusal */
export function addRefusal(
  error: NetlinkError,
  wanted: Endpoint,
  existing: readonly Endpoint[],
  names: Names,
): ExitError {
  const why = addReason(error, wanted, existing, names);
  return why === null ? refusal(error) : refused(`${error.operation}: ${why}`, error);
}

function addReason(
  error: NetlinkError,
  wanted: Endpoint,
  existing: readonly Endpoint[],
  names: Names,
): string | null {
  if (error.code === 'EADDRNOTAVAIL')
    return `this host does not have the address, so it cannot listen on port ${wanted.port}; add the address first`;
  if (error.code === 'EADDRINUSE')
    return `port ${wanted.port} of this address is in use ("ss -ltnp sport = ${wanted.port}" shows by which program); choose another`;
  if (!SHARED.includes(error.code)) return null;
  if (error.kernelText !== undefined && error.code === 'EINVAL' && !SHARED_TEXT.test(error.kernelText))
    return explainImplicit(wanted, existing);
  const same = existing.find(
    (each) =>
      unmapIPv4(each.address) === unmapIPv4(wanted.address) &&
      (!each.port || !wanted.port || each.port === wanted.port),
  );
  const shown = (endpoint: Endpoint): string => endpointText(endpoint, names).trimEnd();
  if (same && !(same.flags & MPTCP_PM_ADDR_FLAG_IMPLICIT))
    return `this address already has an endpoint (${shown(same)}); change it, or delete id ${same.id} first`;
  const holder = wanted.id === 0 ? undefined : existing.find(({ id }) => id === wanted.id);
  if (holder) return `id ${wanted.id} is in use (${shown(holder)}); omit the id, or choose another`;
  if (same) return explainImplicit(wanted, existing);
  return error.code === 'ERANGE' || error.kernelText !== undefined
    ? `the kernel's maximum of ${existing.length} endpoints is reached; delete one first`
    : null;
}

function explainImplicit(wanted: Endpoint, existing: readonly Endpoint[]): string | null {
  const implicit = existing.find(
    (each) =>
      each.flags & MPTCP_PM_ADDR_FLAG_IMPLICIT && unmapIPv4(each.address) === unmapIPv4(wanted.address),
  );
  return implicit && wanted.id !== 0
    ? `the kernel has an implicit endpoint for this address (id ${implicit.id}), which can be replaced only without an id; omit the id`
    : null;
}

const NEXT: readonly (readonly [RegExp, string])[] = [
  [/address not found/, 'there is no such endpoint; "multihomed endpoint show" lists all'],
  [/both signal and fullmesh/, 'omit one of the two'],
  [/create IMPLICIT/, 'only the kernel makes implicit endpoints; omit implicit'],
  [/signal and not subflow when using port/, 'with a port, give signal and omit subflow'],
  [/invalid addr flags/, 'an endpoint with signal cannot have fullmesh'],
  [/limit greater than maximum/, 'give a smaller number'],
];

/** Returns the kernel's text and, where it is known, what the user can do. */
export function refusal(error: NetlinkError): ExitError {
  const next = NEXT.find(([pattern]) => pattern.test(error.kernelText ?? ''))?.[1];
  const said = error.kernelText ?? 'no explanation given';
  return refused(`${error.operation}: ${said}${next === undefined ? '' : `: ${next}`}`, error);
}

const refused = (text: string, error: NetlinkError): ExitError =>
  new ExitError(EXIT.refused, `the kernel refused ${text} (${error.code})`);

/** @throws ExitError for a refusal of the kernel; EPERM is thrown again, because it has an exit code of its own */
export function explainRefusal(error: unknown): never {
  throw error instanceof NetlinkError && error.code !== 'EPERM' ? refusal(error) : error;
}
