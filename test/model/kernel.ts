/** The model kernel. It takes and returns real payloads, and sends or omits events like the real kernel. */
import type { Message } from '../../src/netlink/message.ts';
import {
  encodeAddress,
  encodeEndpoint,
  encodeLimits,
  encodeLink,
  encodeNexthop,
  encodeRoute,
  encodeRule,
  message,
} from './answers.ts';
import { addEndpoint, byId, deleteEndpoint, setFlags, setLimits } from './endpoints.ts';
import { matchRoute } from './fib.ts';
import { addNexthop, dropNexthop, linkAnswer, type Notifier } from './links.ts';
import { readEndpoint, readFlow, readLimits, readNexthop, readRoute, readRule } from './requests.ts';
import { NLM_F_REPLACE } from '../../src/netlink/message.ts';
import { addRoute, deleteRoute, remove, type RouteEvent, type RouteFields } from './routes.ts';
import { addRule, deleteRule } from './rules.ts';
import {
  bitsOf,
  Refusal,
  State,
  type Maker,
  type ModelEndpoint,
  type ModelNexthop,
  type ModelRoute,
  type ModelRule,
} from './state.ts';

export const MPTCP_FAMILY = 37;
const OWN_PORT = 4711;
/** Milliseconds until the kernel collects expired routes. */
const GARBAGE_MS = 20_000;

/** One request, as Connection would send it. */
export interface ModelRequest {
  readonly type: number;
  readonly flags: number;
  readonly payload: Buffer;
}

export class ModelKernel implements Notifier {
  readonly state = new State();
  readonly listeners = new Set<(event: Message) => void>();
  /** Forbidden actions of the daemon. */
  readonly harm: string[] = [];
  /** Each change by the daemon, as text. */
  readonly done: string[] = [];
  /** Returns what would be wrong with an endpoint that the daemon is about to add. */
  beforeEndpoint: (address: string, ifindex: number) => string | null = () => null;
  /** Replies EINVAL to every wrong request, like 6.1. */
  misreports = false;
  /** The last endpoint that the daemon read by its id. */
  #lastRead: ModelEndpoint | null = null;
  #cause: Maker = 'other';

  link(kind: 'new' | 'delete', link: Parameters<Notifier['link']>[1]): void {
    this.#notify(kind === 'new' ? 16 : 17, encodeLink(link));
  }

  address(kind: 'new' | 'delete', address: Parameters<Notifier['address']>[1]): void {
    this.#notify(kind === 'new' ? 20 : 21, encodeAddress(address));
  }

  route(kind: RouteEvent['kind'], route: ModelRoute): void {
    const flags = kind === 'replace' ? NLM_F_REPLACE : 0;
    this.#notify(kind === 'delete' ? 25 : 24, encodeRoute(route, this.state), flags);
  }

  rule(kind: 'new' | 'delete', rule: ModelRule): void {
    this.#notify(kind === 'new' ? 32 : 33, encodeRule(rule));
  }

  /** Advances the time. An expired route is ignored at once, and is removed and reported only later. */
  advance(milliseconds: number): boolean {
    const { state } = this;
    const fresh = (route: ModelRoute): boolean => (route.expires ?? Infinity) > state.now;
    const before = state.routes.filter(fresh).length;
    state.now += milliseconds;
    const expired = before - state.routes.filter(fresh).length;
    state.countPeculiarity('default expired before its event was sent', expired);
    for (const route of remove(state, (each) => (each.expires ?? Infinity) + GARBAGE_MS <= state.now))
      this.route('delete', route);
    return expired > 0;
  }

  nexthop(kind: 'new' | 'delete', nexthop: ModelNexthop): void {
    this.#notify(kind === 'new' ? 104 : 105, encodeNexthop(nexthop));
  }

  #notify(type: number, payload: Buffer, flags = 0): void {
    const event = { ...message(type, payload, this.#cause === 'daemon' ? OWN_PORT : 0), flags };
    for (const listener of this.listeners) listener(event);
  }

  static isOwn(event: Message): boolean {
    return event.portId === OWN_PORT;
  }

  /** @throws Refusal */
  request(asked: ModelRequest, maker: Maker): Message[] {
    this.#cause = maker;
    try {
      return asked.type === MPTCP_FAMILY ? this.#pathManager(asked, maker) : this.#route(asked, maker);
    } finally {
      this.#cause = 'other';
    }
  }

  /**
   * True when another program took over the id since the daemon read it. The kernel offers no way to avoid this race.
   */
  #isUnseen(endpoint: ModelEndpoint | null): boolean {
    const before = this.#lastRead;
    this.#lastRead = null;
    if (endpoint?.maker === 'daemon' || before?.maker !== 'daemon' || before.id !== endpoint?.id)
      return false;
    this.state.countPeculiarity('id taken over between the read and the change');
    return true;
  }

  #note(maker: Maker, what: string, touched?: { maker: Maker } | null): void {
    if (maker !== 'daemon') return;
    this.done.push(what);
    if (touched && touched.maker !== 'daemon') this.harm.push(`${what}: it is ${touched.maker}'s`);
  }

  #route({ type, flags, payload }: ModelRequest, maker: Maker): Message[] {
    const { state } = this;
    switch (type) {
      case 18:
        return [linkAnswer(state, payload)];
      case 24: {
        const { event, replaced } = addRoute(state, this.#withNexthop(readRoute(payload)), flags, maker);
        if (event) this.route(event.kind, event.route);
        this.#note(maker, `route add ${words(readRoute(payload))}`, replaced);
        return [];
      }
      case 25: {
        for (const gone of deleteRoute(state, readRoute(payload))) {
          this.route('delete', gone);
          this.#note(maker, `route delete ${words(gone)}`, gone);
        }
        return [];
      }
      case 26:
        return [this.#routeGet(payload)];
      case 104:
        addNexthop(state, this, readNexthop(payload));
        return [];
      case 105: {
        const { id } = readNexthop(payload);
        const gone = state.nexthops.get(id);
        if (!gone) throw new Refusal('ENOENT');
        dropNexthop(state, id);
        this.nexthop('delete', gone);
        return [];
      }
      case 32: {
        const rule = addRule(state, readRule(payload), flags, maker);
        this.rule('new', rule);
        this.#note(maker, `policy-rule add ${rule.priority} from ${rule.source}`);
        return [];
      }
      case 33: {
        const rule = deleteRule(state, readRule(payload));
        this.rule('delete', rule);
        this.#note(maker, `policy-rule delete ${rule.priority} from ${rule.source}`, rule);
        return [];
      }
      default:
        throw new Refusal('EOPNOTSUPP');
    }
  }

  #withNexthop(words: RouteFields): RouteFields {
    if (words.nexthop === undefined) return words;
    const object = this.state.nexthops.get(words.nexthop);
    if (!object) throw new Refusal('EINVAL');
    const { ifindex, gateway } = object;
    return { ...words, hops: [{ ifindex, gateway, onlink: false, dead: false }] };
  }

  #routeGet(payload: Buffer): Message {
    const flow = readFlow(payload);
    const route = matchRoute(this.state, flow);
    // RTM_F_FIB_MATCH asks for the route itself; the other form asks for the source that the kernel would use.
    if (flow.match) return message(24, encodeRoute(route, this.state));
    const source = this.ownSource(route.hops[0]?.ifindex ?? 0, flow.family);
    const used = { ...route, destination: flow.destination, prefixLength: bitsOf(flow.family) };
    return message(
      24,
      encodeRoute({ ...used, preferredSource: route.preferredSource ?? source }, this.state),
    );
  }

  /** Returns the newest address that is neither tentative nor deprecated; temporary ones come last (use_tempaddr 0). */
  ownSource(ifindex: number, family: string): string | null {
    const fit = this.state.addresses.filter(
      (each) => each.ifindex === ifindex && each.family === family && !(each.flags & 0x48),
    );
    const rank = (flags: number): number => (flags & 0x20 ? 2 : 0) + (flags & 0x01 ? 1 : 0);
    return fit.toReversed().sort((a, b) => rank(a.flags) - rank(b.flags))[0]?.address ?? null;
  }

  #pathManager({ payload }: ModelRequest, maker: Maker): Message[] {
    const { state } = this;
    switch (payload.readUInt8(0)) {
      case 1: {
        const { address, ...rest } = readEndpoint(payload);
        if (address === null) throw new Refusal('EINVAL', 'missing address');
        // 6.1 requires NLA_F_NESTED.
        if (this.misreports && !(payload.readUInt16LE(6) & 0x8000))
          throw new Refusal('EINVAL', 'NLA_F_NESTED is missing');
        const wrong = maker === 'daemon' ? this.beforeEndpoint(address, rest.ifindex) : null;
        if (wrong) this.harm.push(wrong);
        addEndpoint(state, { ...rest, address }, maker, this.misreports);
        this.#note(maker, `endpoint add ${address} if ${rest.ifindex} flags ${rest.flags}`);
        return [];
      }
      case 2: {
        const { id } = readEndpoint(payload);
        if (maker === 'daemon' && id === 0) this.harm.push('endpoint delete id 0');
        const gone = deleteEndpoint(state, id);
        this.#note(maker, `endpoint delete ${gone?.address}`, this.#isUnseen(gone) ? null : gone);
        return [];
      }
      case 3: {
        const existing = byId(state, readEndpoint(payload).id);
        if (maker === 'daemon') this.#lastRead = existing;
        if (existing.maker !== 'daemon') state.countPeculiarity('foreign endpoint under an id of multihomed');
        return [message(MPTCP_FAMILY, encodeEndpoint(existing))];
      }
      case 4:
        this.#note(maker, 'endpoint flush', { maker: 'kernel' });
        state.endpoints = [];
        state.nextEndpointId = 1;
        return [];
      case 5:
        setLimits(state, readLimits(payload));
        this.#note(maker, `limits set ${JSON.stringify(readLimits(payload))}`);
        return [];
      case 6:
        return [message(MPTCP_FAMILY, encodeLimits(state.limits))];
      case 7: {
        const { id, flags } = readEndpoint(payload);
        const changed = setFlags(state, id, flags);
        this.#note(
          maker,
          `endpoint change ${changed.address} flags ${flags}`,
          this.#isUnseen(changed) ? null : changed,
        );
        return [];
      }
      default:
        throw new Refusal('EOPNOTSUPP');
    }
  }

  /** @throws Refusal */
  dump({ type, payload }: ModelRequest): Message[] {
    const { state } = this;
    switch (type) {
      case 18:
        return [...state.links.values()].map((link) => message(16, encodeLink(link)));
      case 22:
        return state.addresses.map((address) => message(20, encodeAddress(address)));
      case 26: {
        const asked = readRoute(payload);
        const [hop] = asked.hops;
        return state.routes
          .filter(
            (route) =>
              route.family === asked.family &&
              (asked.table === 0 || asked.table === route.table) &&
              (asked.protocol === 0 || asked.protocol === route.protocol) &&
              (!hop || route.hops.some((each) => each.ifindex === hop.ifindex)),
          )
          .map((route) => message(24, encodeRoute(route, state)));
      }
      case 106:
        return [...state.nexthops.values()].map((each) => message(104, encodeNexthop(each)));
      case 34: {
        const { family } = readRule(payload);
        return state.policyRules
          .filter((rule) => rule.family === family)
          .map((rule) => message(32, encodeRule(rule)));
      }
      case MPTCP_FAMILY:
        return state.endpoints.map((endpoint) => message(MPTCP_FAMILY, encodeEndpoint(endpoint)));
      default:
        throw new Refusal('EOPNOTSUPP');
    }
  }
}

const words = (route: Omit<ModelRoute, 'maker'>): string =>
  `${route.destination}/${route.prefixLength} via ${route.hops.map((hop) => hop.gateway ?? hop.ifindex).join(',')} table ${route.table}`;
