/** The path manager of the model kernel: net/mptcp/pm_kernel.c, with the wrong replies of older kernels on demand. */
import { unmapIPv4 } from '../../src/netlink/ip.ts';
import { Refusal, type Maker, type ModelEndpoint, type State } from './state.ts';

export const SLOTS = 8;
const SIGNAL = 1;
const SUBFLOW = 2;
const BACKUP = 4;
const FULLMESH = 8;
const IMPLICIT = 16;
const LAMINAR = 32;
const KNOWN = 63;
const LAST_ID = 255;

/** With `misreports`, like 6.1: replies EINVAL to every wrong addition, and drops unknown flags silently. */
export function addEndpoint(
  state: State,
  given: Omit<ModelEndpoint, 'maker'>,
  maker: Maker,
  misreports: boolean,
): ModelEndpoint | null {
  if (given.flags & SIGNAL && given.flags & FULLMESH)
    throw new Refusal('EINVAL', "flags mustn't have both signal and fullmesh");
  if (given.flags & IMPLICIT) throw new Refusal('EINVAL', "can't create IMPLICIT endpoint");
  if (given.port && (!(given.flags & SIGNAL) || given.flags & SUBFLOW))
    throw new Refusal('EINVAL', 'flags must have signal and not subflow when using port');
  if (given.port && !state.isLocal(unmapIPv4(given.address)))
    throw new Refusal('EADDRNOTAVAIL', 'create listen socket error: -99');
  if (misreports && given.flags & LAMINAR) state.countPeculiarity('flag dropped silently');
  return append(
    state,
    { ...given, flags: given.flags & (misreports ? KNOWN & ~LAMINAR : KNOWN), maker },
    misreports,
  );
}

/** Adds the implicit endpoint of a local address that a connection uses; null when one exists or there is no slot. */
export function addImplicit(state: State, address: string): ModelEndpoint | null {
  const known = (each: ModelEndpoint): boolean =>
    unmapIPv4(each.address) === unmapIPv4(address) && each.port === 0;
  if (state.endpoints.some(known)) return null;
  try {
    state.countPeculiarity('implicit endpoint');
    append(state, { id: 0, address, ifindex: 0, flags: IMPLICIT, port: 0, maker: 'kernel' }, false);
  } catch (error) {
    if (error instanceof Refusal) return null;
    throw error;
  }
  return state.endpoints.at(-1)!;
}

/** mptcp_pm_nl_append_new_local_addr. @returns the implicit endpoint whose id the new one takes over */
function append(state: State, given: ModelEndpoint, misreports: boolean): ModelEndpoint | null {
  const refuse = (code: 'EEXIST' | 'EBUSY' | 'ERANGE' | 'EINVAL'): Refusal => {
    state.countPeculiarity(`endpoint refused: ${code}${misreports ? ', reported as EINVAL' : ''}`);
    return new Refusal(misreports ? 'EINVAL' : code, 'too many addresses or duplicate one');
  };
  if (state.nextEndpointId === LAST_ID) state.nextEndpointId = 1;
  if (state.endpoints.length >= SLOTS) throw refuse('ERANGE');
  if (given.id !== 0 && state.endpoints.some((each) => each.id === given.id)) throw refuse('EBUSY');
  // Two endpoints of one address are different when their ports differ.
  const same = state.endpoints.find(
    (each) => unmapIPv4(each.address) === unmapIPv4(given.address) && each.port === given.port,
  );
  if (same && !(same.flags & IMPLICIT)) throw refuse('EEXIST');
  if (same && given.id !== 0) throw refuse('EINVAL');
  const id = same?.id ?? (given.id || freeId(state));
  if (id === 0) throw refuse('EINVAL');
  if (same) state.countPeculiarity('id given up by an implicit endpoint');
  const others = state.endpoints.filter((each) => each !== same);
  const endpoint = { ...given, id };
  state.endpoints = given.port ? [endpoint, ...others] : [...others, endpoint];
  state.nextEndpointId = Math.max(state.nextEndpointId, id);
  return same ?? null;
}

function freeId(state: State): number {
  const used = new Set(state.endpoints.map((each) => each.id));
  for (let id = state.nextEndpointId; id <= LAST_ID; id++) if (!used.has(id)) return id;
  if (state.nextEndpointId !== 1) for (let id = 1; id <= LAST_ID; id++) if (!used.has(id)) return id;
  return 0;
}

/** Deletes by the id only; without an id it succeeds and deletes nothing. */
export function deleteEndpoint(state: State, id: number): ModelEndpoint | null {
  if (id === 0) return null;
  const found = byId(state, id);
  state.endpoints = state.endpoints.filter((each) => each !== found);
  return found;
}

export function byId(state: State, id: number): ModelEndpoint {
  const found = state.endpoints.find((each) => each.id === id);
  if (!found) throw new Refusal('EINVAL', 'address not found');
  return found;
}

/** Sets both bits to the given values and ignores other flags. */
export function setFlags(state: State, id: number, flags: number): ModelEndpoint {
  if (id === 0) throw new Refusal('EOPNOTSUPP', 'missing address ID');
  const found = byId(state, id);
  if (flags & FULLMESH && found.flags & SIGNAL) throw new Refusal('EINVAL', 'invalid addr flags');
  found.flags = (found.flags & ~(BACKUP | FULLMESH)) | (flags & (BACKUP | FULLMESH));
  return found;
}

export function setLimits(state: State, limits: Partial<State['limits']>): void {
  for (const value of Object.values(limits))
    if (value > SLOTS) throw new Refusal('EINVAL', `limit greater than maximum (${SLOTS})`);
  state.limits = { ...state.limits, ...limits };
}
