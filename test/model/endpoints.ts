/** The path manager of the model kernel: net/mptcp/pm_kernel.c, with the lies of older ones on demand. */
import { mappedOf } from '../../src/netlink/ip.ts';
import { Refusal, type Maker, type ModelEndpoint, type State } from './state.ts';

export const SLOTS = 8;
const SIGNAL = 1;
const SUBFLOW = 2;
const BACKUP = 4;
const FULLMESH = 8;
const IMPLICIT = 16;
const KNOWN = 63;

/** `lies`: one EINVAL for everything that is wrong with an addition, as on 6.1. */
export function addEndpoint(
  state: State,
  given: Omit<ModelEndpoint, 'maker'>,
  maker: Maker,
  lies: boolean,
): ModelEndpoint | null {
  if (given.flags & SIGNAL && given.flags & FULLMESH)
    throw new Refusal('EINVAL', "flags mustn't have both signal and fullmesh");
  if (given.flags & IMPLICIT) throw new Refusal('EINVAL', "can't create IMPLICIT endpoint");
  if (given.port && (!(given.flags & SIGNAL) || given.flags & SUBFLOW))
    throw new Refusal('EINVAL', 'flags must have signal and not subflow when using port');
  const refuse = (code: 'EEXIST' | 'EBUSY' | 'ERANGE' | 'EINVAL'): Refusal =>
    new Refusal(lies ? 'EINVAL' : code, 'too many addresses or duplicate one');
  const same = state.endpoints.find((each) => mappedOf(each.address) === mappedOf(given.address));
  if (state.endpoints.length >= SLOTS) throw refuse('ERANGE');
  if (given.id !== 0 && state.endpoints.some((each) => each.id === given.id)) throw refuse('EBUSY');
  if (same && !(same.flags & IMPLICIT)) throw refuse('EEXIST');
  if (same && given.id !== 0) throw refuse('EINVAL');
  const id = same ? same.id : given.id || freeId(state);
  const endpoint = { ...given, id, flags: given.flags & KNOWN, maker };
  state.endpoints = [...state.endpoints.filter((each) => each !== same), endpoint];
  state.lastEndpointId = Math.max(state.lastEndpointId, id);
  return same ?? null;
}

/** Behind the highest ever given; from 1 again before 255, which the kernel gives to nobody by itself. */
function freeId(state: State): number {
  const free = (from: number): number => {
    let id = from;
    while (state.endpoints.some((each) => each.id === id)) id++;
    return id;
  };
  const id = free(Math.max(1, state.lastEndpointId));
  return id < 255 ? id : free(1);
}

/** By the id alone; without one it succeeds and deletes nothing. */
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

/** Both bits are set as they are given; others are not looked at. */
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
