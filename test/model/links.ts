/** Links and addresses of the model kernel, with what goes without a word when they go. */
import { IFA_F_SECONDARY } from '../../src/netlink/route/address.ts';
import { connectedRoute, inSameSubnet, remove } from './routes.ts';
import {
  networkOf,
  Refusal,
  type ModelAddress,
  type ModelLink,
  type ModelRoute,
  type State,
} from './state.ts';

/** What is said about a change. */
export interface Voice {
  link(kind: 'new' | 'delete', link: ModelLink): void;
  address(kind: 'new' | 'delete', address: ModelAddress): void;
  route(kind: 'new' | 'delete', route: ModelRoute): void;
}

export const IFA_F_PERMANENT = 0x80;

export function createLink(state: State, voice: Voice, link: ModelLink): void {
  if (state.links.has(link.index)) throw new Refusal('EBUSY');
  if ([...state.links.values()].some((each) => each.name === link.name)) throw new Refusal('EEXIST');
  state.links.set(link.index, link);
  voice.link('new', link);
}

export function deleteLink(state: State, voice: Voice, link: ModelLink): void {
  setUp(state, voice, link, false);
  for (const address of state.addresses.filter((each) => each.ifindex === link.index)) {
    state.addresses = state.addresses.filter((each) => each !== address);
    voice.address('delete', address);
    removeSourced(state, voice, address.address);
  }
  remove(state, (route) => route.hops.some((hop) => hop.ifindex === link.index));
  state.links.delete(link.index);
  voice.link('delete', link);
}

/** The kernel tells the addresses too: their labels change. */
export function renameLink(state: State, voice: Voice, link: ModelLink, name: string): void {
  if ([...state.links.values()].some((each) => each.name === name)) throw new Refusal('EEXIST');
  link.name = name;
  voice.link('new', link);
  for (const address of addressesOf(state, link.index, 'ipv4')) voice.address('new', address);
}

const addressesOf = (state: State, ifindex: number, family: string): ModelAddress[] =>
  state.addresses.filter((each) => each.ifindex === ifindex && each.family === family);

export function setUp(state: State, voice: Voice, link: ModelLink, up: boolean): void {
  if (link.up === up) return;
  link.up = up;
  if (up) comeUp(state, voice, link);
  else goDown(state, voice, link);
}

function comeUp(state: State, voice: Voice, link: ModelLink): void {
  voice.link('new', link);
  for (const route of state.routes)
    for (const hop of route.hops) if (hop.ifindex === link.index && route.hops.length > 1) hop.dead = false;
  for (const address of addressesOf(state, link.index, 'ipv4'))
    if (!(address.flags & IFA_F_SECONDARY)) connect(state, voice, address);
}

/** IPv4 routes vanish from every table without a word; IPv6 is told, and loses its addresses. */
function goDown(state: State, voice: Voice, link: ModelLink): void {
  const through = (route: ModelRoute): boolean => route.hops.some((hop) => hop.ifindex === link.index);
  for (const route of state.routes)
    for (const hop of route.hops) if (hop.ifindex === link.index && route.hops.length > 1) hop.dead = true;
  remove(
    state,
    (route) =>
      route.family === 'ipv4' &&
      through(route) &&
      (route.hops.length === 1 || route.hops.every((hop) => hop.dead)),
  );
  for (const route of remove(state, (each) => each.family === 'ipv6' && through(each)))
    voice.route('delete', route);
  for (const address of addressesOf(state, link.index, 'ipv6')) {
    state.addresses = state.addresses.filter((each) => each !== address);
    voice.address('delete', address);
    forgetSource(state, address.address);
  }
  voice.link('new', link);
}

/** Routes stay; the kernel only marks them, and says nothing of them. */
export function setCarrier(voice: Voice, link: ModelLink, carrier: boolean): void {
  if (link.carrier === carrier) return;
  link.carrier = carrier;
  if (link.up) voice.link('new', link);
}

export function addAddress(state: State, voice: Voice, address: ModelAddress): void {
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
  state.addresses.push(address);
  if (link.up && !(address.family === 'ipv4' && primary)) connect(state, voice, address);
  voice.address('new', address);
}

function connect(state: State, voice: Voice, address: ModelAddress): void {
  const { family, prefixLength } = address;
  const route = connectedRoute(address, networkOf(family, address.address, prefixLength));
  if (!route || state.routes.some((each) => isConnected(each, route))) return;
  state.routes.push(route);
  voice.route('new', route);
}

const isConnected = (one: ModelRoute, other: ModelRoute): boolean =>
  one.maker === 'kernel' &&
  one.family === other.family &&
  one.destination === other.destination &&
  one.prefixLength === other.prefixLength &&
  one.hops[0]!.ifindex === other.hops[0]!.ifindex;

export function removeAddress(state: State, voice: Voice, address: ModelAddress): void {
  if (address.family === 'ipv6') return removeIPv6(state, voice, address);
  const others = (): ModelAddress[] =>
    addressesOf(state, address.ifindex, 'ipv4').filter((each) => each !== address);
  // Without promote_secondaries they go with their primary, before it.
  if (!(address.flags & IFA_F_SECONDARY))
    for (const each of others())
      if (each.flags & IFA_F_SECONDARY && inSameSubnet(each, address)) takeAway(state, voice, each);
  takeAway(state, voice, address);
  if (!(address.flags & IFA_F_SECONDARY)) disconnect(state, voice, address);
  removeSourced(state, voice, address.address);
  // The last one takes every IPv4 route of the link with it, without a word.
  if (others().length === 0)
    remove(
      state,
      (route) =>
        route.family === 'ipv4' && route.hops.length === 1 && route.hops[0]!.ifindex === address.ifindex,
    );
}

/** Routes of main that prefer an IPv4 source which is nobody's any more, on other links too. */
function removeSourced(state: State, voice: Voice, address: string): void {
  if (state.isLocal(address)) return;
  const dead = (route: ModelRoute): boolean =>
    route.family === 'ipv4' && route.table === 254 && route.preferredSource === address;
  for (const route of remove(state, dead)) voice.route('delete', route);
}

function removeIPv6(state: State, voice: Voice, address: ModelAddress): void {
  takeAway(state, voice, address);
  const shared = addressesOf(state, address.ifindex, 'ipv6').some((each) => inSameSubnet(each, address));
  if (!shared) disconnect(state, voice, address);
  forgetSource(state, address.address);
}

function takeAway(state: State, voice: Voice, address: ModelAddress): void {
  state.addresses = state.addresses.filter((each) => each !== address);
  voice.address('delete', address);
}

function disconnect(state: State, voice: Voice, address: ModelAddress): void {
  const network = networkOf(address.family, address.address, address.prefixLength);
  const connected = connectedRoute(address, network);
  if (connected)
    for (const route of remove(state, (each) => isConnected(each, connected))) voice.route('delete', route);
}

/** IPv6 clears RTA_PREFSRC and says nothing. */
function forgetSource(state: State, address: string): void {
  if (state.isLocal(address)) return;
  for (const route of state.routes) if (route.preferredSource === address) route.preferredSource = null;
}
