/** Explains the kernel's refusals. The kernel uses one text for EEXIST, EBUSY, ERANGE and EINVAL. */
import { NetlinkError } from '../../netlink/error.ts';
import { unmapIPv4 } from '../../netlink/ip.ts';
import { MPTCP_PM_ADDR_FLAG_IMPLICIT, type Endpoint } from '../../netlink/mptcp/endpoint.ts';
import { ExitError, EXIT } from '../exit.ts';
import { endpointText, type Names } from './text.ts';

const SHARED = ['EEXIST', 'EBUSY', 'ERANGE', 'EINVAL', 'ENOSPC'];
const SHARED_TEXT = /too many addresses or duplicate/;

/** @param standing the endpoints in a dump after the refusal */
export function addRefusal(
  error: NetlinkError,
  wanted: Endpoint,
  standing: readonly Endpoint[],
  names: Names,
): ExitError {
  const why = addReason(error, wanted, standing, names);
  return why === null ? refusal(error) : refused(`${error.operation}: ${why}`, error);
}

function addReason(
  error: NetlinkError,
  wanted: Endpoint,
  standing: readonly Endpoint[],
  names: Names,
): string | null {
  if (error.code === 'EADDRNOTAVAIL')
    return `nothing can listen on port ${wanted.port}, because this host does not have the address; add it first`;
  if (error.code === 'EADDRINUSE')
    return `port ${wanted.port} of this address is taken ("ss -ltnp sport = ${wanted.port}" shows by whom); choose another`;
  if (!SHARED.includes(error.code)) return null;
  if (error.kernelText !== undefined && error.code === 'EINVAL' && !SHARED_TEXT.test(error.kernelText))
    return implicitInTheWay(wanted, standing);
  const same = standing.find(
    (each) =>
      unmapIPv4(each.address) === unmapIPv4(wanted.address) &&
      (!each.port || !wanted.port || each.port === wanted.port),
  );
  const shown = (endpoint: Endpoint): string => endpointText(endpoint, names).trimEnd();
  if (same && !(same.flags & MPTCP_PM_ADDR_FLAG_IMPLICIT))
    return `this address has an endpoint (${shown(same)}); change it, or delete id ${same.id} first`;
  const holder = wanted.id === 0 ? undefined : standing.find(({ id }) => id === wanted.id);
  if (holder) return `the id ${wanted.id} is taken (${shown(holder)}); leave the id out, or take another`;
  if (same) return implicitInTheWay(wanted, standing);
  return error.code === 'ERANGE' || error.kernelText !== undefined
    ? `the kernel holds no more than the ${standing.length} endpoints that stand; delete one first`
    : null;
}

function implicitInTheWay(wanted: Endpoint, standing: readonly Endpoint[]): string | null {
  const implicit = standing.find(
    (each) =>
      each.flags & MPTCP_PM_ADDR_FLAG_IMPLICIT && unmapIPv4(each.address) === unmapIPv4(wanted.address),
  );
  return implicit && wanted.id !== 0
    ? `the kernel has made an implicit endpoint of this address (id ${implicit.id}), which is replaced only without an id; leave the id out`
    : null;
}

const NEXT: readonly (readonly [RegExp, string])[] = [
  [/address not found/, 'no endpoint is there; "multihomed endpoint show" lists those that are'],
  [/both signal and fullmesh/, 'leave one of the two out'],
  [/create IMPLICIT/, 'implicit endpoints are made by the kernel alone; leave implicit out'],
  [/signal and not subflow when using port/, 'with a port, give signal and leave subflow out'],
  [/invalid addr flags/, 'an endpoint with signal cannot have fullmesh'],
  [/limit greater than maximum/, 'give a number that is not greater'],
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
