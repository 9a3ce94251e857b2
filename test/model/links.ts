/** Links and addresses of the model kernel, and the objects that the kernel removes with them without an event. */
import { readS32 } from '../../src/netlink/bytes.ts';
import type { Message } from '../../src/netlink/message.ts';
import { IFA_F_SECONDARY } from '../../src/netlink/route/address.ts';
import { encodeLink, message } from './answers.ts';
import { connectedRoute, inSameSubnet, remove, validateHop } from './routes.ts';
import {
  networkOf,
  Refusal,
  type ModelAddress,
  type ModelLink,
  type ModelNexthop,
  type ModelRoute,
  type State,
} from './state.ts';

/** Sends the notifications of changes. */
export interface Notifier {
  link(kind: 'new' | 'delete', link: ModelLink): void;
  address(kind: 'new' | 'delete', address: ModelAddress): void;
  route(kind: 'new' | 'delete', route: ModelRoute): void;
  nexthop(kind: 'new' | 'delete', nexthop: ModelNexthop): void;
}

export const IFA_F_PERMANENT = 0x80;

export function createLink(state: State, notifier: Notifier, link: ModelLink): void {
  if (state.links.has(link.index)) throw new Refusal('EBUSY');
  if ([...state.links.values()].some((each) => each.name === link.name)) throw new Refusal('EEXIST');
  state.links.set(link.index, link);
  notifier.link('new', link);
}

export function deleteLink(state: State, notifier: Notifier, link: ModelLink): void {
  setUp(state, notifier, link, false);
  for (const address of state.addresses.filter((each) => each.ifindex === link.index)) {
    state.addresses = state.addresses.filter((each) => each !== address);
    notifier.address('delete', address);
    // fib_del_ifaddr no longer finds the primary address of a secondary one, and keeps routes that prefer it.
    if (!(address.flags & IFA_F_SECONDARY)) removeSourced(state, notifier, address.address);
  }
  const through = (route: ModelRoute): boolean => route.hops.some((hop) => hop.ifindex === link.index);
  // IPv4 removes the whole route, IPv6 only the one hop.
  state.routes = state.routes.flatMap((route) => {
    const hops = route.hops.filter((hop) => hop.ifindex !== link.index);
    if (!through(route)) return [route];
    return route.family === 'ipv6' && hops.length > 0 ? [{ ...route, hops }] : [];
  });
  state.links.delete(link.index);
  notifier.link('delete', link);
}

/** The kernel also notifies about the addresses, because their labels change. */
export function renameLink(state: State, notifier: Notifier, link: ModelLink, name: string): void {
  if ([...state.links.values()].some((each) => each.name === name)) throw new Refusal('EEXIST');
  link.name = name;
  notifier.link('new', link);
  for (const address of addressesOf(state, link.index, 'ipv4')) notifier.address('new', address);
}

const addressesOf = (state: State, ifindex: number, family: string): ModelAddress[] =>
  state.addresses.filter((each) => each.ifindex === ifindex && each.family === family);

export function setUp(state: State, notifier: Notifier, link: ModelLink, up: boolean): void {
  if (link.up === up) return;
  link.up = up;
  if (up) comeUp(state, notifier, link);
  else goDown(state, notifier, link);
}

function comeUp(state: State, notifier: Notifier, link: ModelLink): void {
  notifier.link('new', link);
  revive(state, link.index, 'ipv4');
  // IPv6 waits for the carrier (addrconf_notify in net/ipv6/addrconf.c).
  if (link.carrier) revive(state, link.index, 'ipv6');
  for (const address of addressesOf(state, link.index, 'ipv4'))
    if (!(address.flags & IFA_F_SECONDARY)) connect(state, notifier, address);
}

/** IPv4 routes are removed from every table silently. IPv6 routes are reported, and IPv6 addresses are removed. */
function goDown(state: State, notifier: Notifier, link: ModelLink): void {
  removeNexthops(state, link.index);
  removeHops(state, 'ipv4', link.index);
  for (const route of removeHops(state, 'ipv6', link.index)) notifier.route('delete', route);
  for (const address of addressesOf(state, link.index, 'ipv6')) {
    state.addresses = state.addresses.filter((each) => each !== address);
    notifier.address('delete', address);
    clearSource(state, address.address);
  }
  notifier.link('new', link);
}

/** One of several hops is only marked dead until its link is up again; a route is removed with its last hop. */
function removeHops(state: State, family: string, ifindex: number): ModelRoute[] {
  const through = (route: ModelRoute): boolean =>
    route.family === family &&
    route.nexthop === undefined &&
    route.hops.some((hop) => hop.ifindex === ifindex);
  for (const route of state.routes.filter(through))
    for (const hop of route.hops) if (hop.ifindex === ifindex && route.hops.length > 1) hop.dead = true;
  const gone = remove(
    state,
    (route) => through(route) && (route.hops.length === 1 || route.hops.every((hop) => hop.dead)),
  );
  if (family === 'ipv4') state.countPeculiarity('IPv4 routes removed silently', gone.length);
  state.countPeculiarity(
    'nexthops of multipath routes marked dead silently',
    state.routes.filter(through).length,
  );
  return gone;
}

function revive(state: State, ifindex: number, family: string): void {
  for (const route of state.routes)
    for (const hop of route.hops) if (hop.ifindex === ifindex && family === route.family) hop.dead = false;
}

/** Removes nexthop objects with their routes, both silently. */
function removeNexthops(state: State, ifindex: number): void {
  for (const { id } of [...state.nexthops.values()].filter((each) => each.ifindex === ifindex))
    dropNexthop(state, id);
}

export function dropNexthop(state: State, id: number): void {
  state.nexthops.delete(id);
  const gone = remove(state, (route) => route.nexthop === id);
  state.countPeculiarity('routes gone with their nexthop object', gone.length);
}

/** @throws Refusal */
export function addNexthop(state: State, notifier: Notifier, nexthop: ModelNexthop): void {
  const link = state.links.get(nexthop.ifindex);
  if (!link) throw new Refusal('ENODEV');
  if (!link.up || !link.carrier) throw new Refusal('ENETDOWN');
  const { family, ifindex, gateway } = nexthop;
  validateHop(state, { family, table: 0 }, { ifindex, gateway, onlink: false });
  if (state.nexthops.has(nexthop.id)) throw new Refusal('EEXIST');
  state.nexthops.set(nexthop.id, nexthop);
  notifier.nexthop('new', nexthop);
}

/** The kernel only marks the routes, silently. Nexthop objects are removed. */
export function setCarrier(state: State, notifier: Notifier, link: ModelLink, carrier: boolean): void {
  if (link.carrier === carrier) return;
  link.carrier = carrier;
  if (!carrier) removeNexthops(state, link.index);
  else if (link.up) revive(state, link.index, 'ipv6');
  if (link.up) notifier.link('new', link);
}

export function addAddress(state: State, notifier: Notifier, address: ModelAddress): void {
  const link = state.links.get(address.ifindex);
  if (!link) throw new Refusal('ENODEV');
  const same = (each: ModelAddress): boolean =>
    each.ifindex === address.ifindex && each.address === address.address;
  if (
    state.addresses.some((each) => same(each) && (address.family === 'ipv6' || inSameSubnet(each, address)))
  )
    throw new Refusal('EEXIST');
  const primary = addressesOf(state, address.ifindex, address.family).find(
    (each) => !(each.flags & IFA_F_SECONDARY) && inSameSubnet(each, address),
  );
  if (address.family === 'ipv4') address.flags = IFA_F_PERMANENT | (primary ? IFA_F_SECONDARY : 0);
  address.created = ++state.added;
  state.addresses.push(address);
  if (link.up && address.family === 'ipv4') revive(state, link.index, 'ipv4');
  if (link.up && !(address.family === 'ipv4' && primary)) connect(state, notifier, address);
  notifier.address('new', address);
}

function connect(state: State, notifier: Notifier, address: ModelAddress): void {
  const { family, prefixLength } = address;
  const route = connectedRoute(address, networkOf(family, address.address, prefixLength));
  if (!route || state.routes.some((each) => isConnected(each, route))) return;
  state.routes.push(route);
  notifier.route('new', route);
}

const isConnected = (one: ModelRoute, other: ModelRoute): boolean =>
  one.maker === 'kernel' &&
  one.family === other.family &&
  one.destination === other.destination &&
  one.prefixLength === other.prefixLength &&
  one.hops[0]!.ifindex === other.hops[0]!.ifindex;

export function removeAddress(state: State, notifier: Notifier, address: ModelAddress): void {
  if (address.family === 'ipv6') return removeIPv6(state, notifier, address);
  const others = (): ModelAddress[] =>
    addressesOf(state, address.ifindex, 'ipv4').filter((each) => each !== address);
  // Without promote_secondaries they are removed with their primary address, and before it.
  if (!(address.flags & IFA_F_SECONDARY))
    for (const each of others())
      if (each.flags & IFA_F_SECONDARY && inSameSubnet(each, address)) {
        takeAway(state, notifier, each);
        state.countPeculiarity('secondary address gone with its primary');
      }
  takeAway(state, notifier, address);
  if (!(address.flags & IFA_F_SECONDARY)) disconnect(state, notifier, address);
  removeSourced(state, notifier, address.address);
  // Removing the last address silently removes every IPv4 route of the link.
  if (others().length === 0) removeHops(state, 'ipv4', address.ifindex);
}

/** Removes routes of main, on other links too, that prefer an IPv4 source that no link has any more. */
function removeSourced(state: State, notifier: Notifier, address: string): void {
  if (state.isLocal(address)) return;
  const dead = (route: ModelRoute): boolean =>
    route.family === 'ipv4' && route.table === 254 && route.preferredSource === address;
  for (const route of remove(state, dead)) notifier.route('delete', route);
}

function removeIPv6(state: State, notifier: Notifier, address: ModelAddress): void {
  takeAway(state, notifier, address);
  const shared = addressesOf(state, address.ifindex, 'ipv6').some((each) => inSameSubnet(each, address));
  if (!shared) disconnect(state, notifier, address);
  clearSource(state, address.address);
}

function takeAway(state: State, notifier: Notifier, address: ModelAddress): void {
  state.addresses = state.addresses.filter((each) => each !== address);
  notifier.address('delete', address);
}

function disconnect(state: State, notifier: Notifier, address: ModelAddress): void {
  const network = networkOf(address.family, address.address, address.prefixLength);
  const connected = connectedRoute(address, network);
  if (connected)
    for (const route of remove(state, (each) => isConnected(each, connected)))
      notifier.route('delete', route);
}

/** IPv6 clears RTA_PREFSRC silently. */
function clearSource(state: State, address: string): void {
  if (state.isLocal(address)) return;
  for (const route of state.routes) {
    if (route.preferredSource !== address) continue;
    route.preferredSource = null;
    state.countPeculiarity('IPv6 source cleared silently');
  }
}

/** @throws Refusal there is no such link */
export function linkAnswer({ links }: State, request: Buffer): Message {
  const link = links.get(readS32(request, 4));
  if (!link) throw new Refusal('ENODEV');
  return message(16, encodeLink(link));
}
