/** Builds the model of a frame from the current sample of kernel and daemon and from earlier samples. */
import type { ConnectionSocket, SubflowSocket } from '../netlink/diag.ts';
import type { StatusDocument, UplinkDocument } from '../control/document.ts';
import { counted } from '../messages/count.ts';
import { Meter, appendSample, sum, total } from './meter.ts';
import type { Change, Connection, Model, PathRow, Rate, Subflow, SubflowRole } from './model.ts';
import { PAUSED } from '../messages/reason.ts';

export interface Sample {
  /** Milliseconds of a monotonic clock. */
  readonly at: number;
  /** null until it has been read. */
  readonly status: StatusDocument | null;
  readonly subflows: readonly SubflowSocket[];
  readonly connections: readonly ConnectionSocket[];
  /** Names of interfaces by address, for addresses that are no uplink. */
  readonly names: ReadonlyMap<string, string>;
  /** Sentences on state that could not be read. */
  readonly problems: readonly string[];
}

/** Bytes received, bytes acknowledged and segments retransmitted. */
interface Totals {
  readonly received: number;
  readonly sent: number;
  readonly retransmits: number;
}

interface Counted {
  readonly token: number;
  readonly totals: Totals;
}

const NONE: Totals = { received: 0, sent: 0, retransmits: 0 };

const totalsOf = ({ received, acked, retransmits }: NonNullable<SubflowSocket['traffic']>): Totals => ({
  received,
  sent: acked,
  retransmits,
});

const added = (a: Totals, b: Totals): Totals => ({
  received: a.received + b.received,
  sent: a.sent + b.sent,
  retransmits: a.retransmits + b.retransmits,
});

const MAX_CHANGES = 50;
const NOTHING: Rate = { in: 0, out: 0 };

export class Sampler {
  #meters = new Map<number, Meter>();
  readonly #hues = new Map<string, number>();
  readonly #histories = new Map<string, number[]>();
  #states: Map<string, string> | null = null;
  #changes: readonly Change[] = [];
  /** Totals of the subflows in the previous sample, by cookie. */
  #counted = new Map<number, Counted>();
  /** Totals of ended subflows, by the token of their connection. */
  #ended = new Map<number, Totals>();
  /** Order of arrival by token, for a stable order of connections. */
  #arrivals = new Map<number, number>();
  #arrived = 0;

  take(sample: Sample): Model {
    const { at, status, problems } = sample;
    const uplinks = (status?.uplinks ?? []).filter(
      ({ state, address }) => state !== 'ignored' || address === null,
    );
    // Uplinks come first, so that their colours follow their order.
    for (const uplink of uplinks) this.#hue(pathKey(uplink));
    const subflows = this.#subflows(sample, byAddress(uplinks));
    this.#note(at, status, uplinks);
    const paths = this.#paths(uplinks, subflows);
    return {
      at,
      source: sourceOf(status),
      daemon: Boolean(status?.daemon),
      isRead: status !== null,
      paths,
      ignored: (status?.uplinks.length ?? 0) - uplinks.length,
      connections: this.#connections(sample.connections, subflows),
      rate: sum(paths.map(({ rate }) => rate)),
      changes: this.#changes,
      problems: [...problems, ...(status?.problems ?? [])],
    };
  }

  #hue(key: string): number {
    const hue = this.#hues.get(key) ?? this.#hues.size;
    this.#hues.set(key, hue);
    return hue;
  }

  #subflows({ at, subflows, names }: Sample, uplinks: ReadonlyMap<string, UplinkDocument[]>): Subflow[] {
    const meters = new Map<number, Meter>();
    const shown = subflows.map((socket): Subflow => {
      const meter = this.#meters.get(socket.cookie) ?? new Meter();
      meters.set(socket.cookie, meter);
      if (socket.traffic) meter.take(at, socket.traffic.received, socket.traffic.acked);
      const candidates = uplinks.get(socket.local.address);
      const uplink = candidates?.find(({ ifindex }) => ifindex === socket.ifindex) ?? candidates?.[0];
      const name = uplink?.interface ?? names.get(socket.local.address) ?? '?';
      const hue = this.#hue(uplink ? pathKey(uplink) : `${name}/${socket.local.address}`);
      return { socket, role: roleOf(socket), interface: name, hue, rate: meter.rate, history: meter.history };
    });
    this.#meters = meters;
    return shown;
  }

  #paths(uplinks: readonly UplinkDocument[], subflows: readonly Subflow[]): PathRow[] {
    const carried = new Map<number, Subflow[]>();
    for (const subflow of subflows) {
      const others = carried.get(subflow.hue);
      if (others) others.push(subflow);
      else carried.set(subflow.hue, [subflow]);
    }
    const roles = new Map([...carried].map(([hue, mine]) => [hue, new Set(mine.map(({ role }) => role))]));
    const path = (
      key: string,
      facts: Pick<PathRow, 'interface' | 'address' | 'state' | 'age' | 'reason' | 'detail'>,
    ): PathRow => {
      const hue = this.#hue(key);
      const mine = carried.get(hue) ?? [];
      carried.delete(hue);
      const history = this.#histories.get(key) ?? [];
      this.#histories.set(key, history);
      appendSample(
        history,
        mine.reduce((all, each) => all + (each.history.at(-1) ?? 0), 0),
      );
      const rate = mine.length === 0 ? NOTHING : sum(mine.map((each) => each.rate));
      return { ...facts, hue, rate, history, subflows: mine.length };
    };
    const known = uplinks.map((uplink) =>
      path(pathKey(uplink), { ...uplink, age: ageOf(uplink), detail: detailOf(uplink) }),
    );
    const unselected = [...carried.values()].map(([first]) => {
      const { socket, interface: name } = first!;
      const { address } = socket.local;
      const reason = 'carries subflows, and no rule selects it';
      return path(`${name}/${address}`, {
        ...{ interface: name, address, state: 'no uplink', age: null, reason, detail: '' },
      });
    });
    return [...known, ...unselected].sort((a, b) => rankOf(a, roles) - rankOf(b, roles));
  }

  #connections(sockets: readonly ConnectionSocket[], subflows: readonly Subflow[]): Connection[] {
    const grouped = new Map<number, Subflow[]>();
    for (const subflow of subflows) {
      const others = grouped.get(subflow.socket.token);
      if (others) others.push(subflow);
      else grouped.set(subflow.socket.token, [subflow]);
    }
    const shown: Connection[] = [];
    this.#count(sockets, subflows);
    for (const socket of sockets) {
      const mine = grouped.get(socket.token) ?? [];
      shown.push(connectionOf(socket, mine, this.#totals(socket.token, mine)));
      grouped.delete(socket.token);
    }
    // When the kernel does not list connections, they are derived from their subflows.
    for (const [token, mine] of grouped) {
      const { local, remote, state } = firstOf(mine)!.socket;
      const unknown = { fallback: false, extraSubflows: mine.length - 1, sinceData: null };
      const socket = { token, local, remote, state, ...unknown };
      shown.push(connectionOf(socket, mine, this.#totals(token, mine)));
    }
    const arrivals = new Map<number, number>();
    for (const { token } of shown) arrivals.set(token, this.#arrivals.get(token) ?? this.#arrived++);
    this.#arrivals = arrivals;
    return shown.sort((a, b) => arrivals.get(a.token)! - arrivals.get(b.token)!);
  }

  /** Adds the last totals of ended subflows to their connection, as long as it is open. */
  #count(sockets: readonly ConnectionSocket[], subflows: readonly Subflow[]): void {
    const counted = new Map<number, Counted>();
    for (const { socket } of subflows) {
      const totals = socket.traffic ? totalsOf(socket.traffic) : this.#counted.get(socket.cookie)?.totals;
      if (totals) counted.set(socket.cookie, { token: socket.token, totals });
    }
    for (const [cookie, { token, totals }] of this.#counted)
      if (!counted.has(cookie)) this.#ended.set(token, added(this.#ended.get(token) ?? NONE, totals));
    this.#counted = counted;
    const open = new Set([...sockets, ...subflows.map(({ socket }) => socket)].map(({ token }) => token));
    for (const token of this.#ended.keys()) if (!open.has(token)) this.#ended.delete(token);
  }

  #totals(token: number, subflows: readonly Subflow[]): Totals {
    return subflows.reduce(
      (all, { socket }) => added(all, this.#counted.get(socket.cookie)?.totals ?? NONE),
      this.#ended.get(token) ?? NONE,
    );
  }

  /** Records how the uplinks' states have changed since the last known ones. */
  #note(at: number, status: StatusDocument | null, uplinks: readonly UplinkDocument[]): void {
    if (!status) return;
    const states = new Map(uplinks.map((uplink) => [pathKey(uplink), uplink.state]));
    const old = this.#states;
    this.#states = states;
    if (!old) return;
    const changes: Change[] = [];
    const note = (key: string, before: string, after: string): void => {
      changes.push({ at, hue: this.#hue(key), what: key.replace('/', ' ').trim(), before, after });
    };
    for (const [key, state] of states) if (old.get(key) !== state) note(key, old.get(key) ?? 'new', state);
    for (const [key, state] of old) if (!states.has(key)) note(key, state, 'gone');
    this.#changes = [...changes, ...this.#changes].slice(0, MAX_CHANGES);
  }
}

/** Paths that carry data come first, then those that are ready to; the sort is stable, in the order of `status`. */
function rankOf({ hue, state }: PathRow, roles: ReadonlyMap<number, ReadonlySet<SubflowRole>>): number {
  const mine = roles.get(hue);
  if (mine?.has('open')) return 0;
  if (mine) return 1;
  return state === 'active' ? 2 : 3;
}

const pathKey = (uplink: UplinkDocument): string => `${uplink.interface}/${uplink.address ?? ''}`;

function byAddress(uplinks: readonly UplinkDocument[]): Map<string, UplinkDocument[]> {
  const found = new Map<string, UplinkDocument[]>();
  for (const uplink of uplinks)
    if (uplink.address !== null) found.set(uplink.address, [...(found.get(uplink.address) ?? []), uplink]);
  return found;
}

function roleOf({ state, traffic, backup }: SubflowSocket): SubflowRole {
  if (state === 'SYN-SENT' || state === 'SYN-RECV') return 'opening';
  if (state !== 'ESTAB') return 'closing';
  if ((traffic?.timeouts ?? 0) > 0) return 'stalled';
  return backup.local || backup.remote ? 'backup' : 'open';
}

/** After the clock was set back, the age is zero instead of negative. */
const ageOf = ({ since }: UplinkDocument): number | null =>
  since === null ? null : Math.max(0, Date.now() - since);

function detailOf({ endpoint, gateway, flags, state, subflows }: UplinkDocument): string {
  const lost = subflows?.lost ?? 0;
  const words = (endpoint?.flags ?? flags).join(' ');
  const what = endpoint ? `endpoint ${endpoint.id} ${words}` : state === 'ignored' ? '' : words;
  // First, since the line may be cut.
  const loss = subflows && lost > 0 ? `${lost} of ${counted(subflows.established, 'subflow')} lost` : '';
  return [loss, what.trim(), gateway === null ? '' : `via ${gateway}`].filter(Boolean).join(', ');
}

/** Returns the initial subflow, which has identifier 0 on both sides; otherwise the first in the list. */
const firstOf = (subflows: readonly Subflow[]): Subflow | undefined =>
  subflows.find(({ socket }) => socket.ids.local === 0 && socket.ids.remote === 0) ?? subflows[0];

function connectionOf(socket: ConnectionSocket, subflows: readonly Subflow[], totals: Totals): Connection {
  const usable = subflows.filter(({ role }) => role !== 'closing' && role !== 'opening');
  return {
    token: socket.token,
    local: socket.local,
    remote: socket.remote,
    fallback: socket.fallback,
    subflows: [...subflows].sort(
      (a, b) => a.socket.ids.local - b.socket.ids.local || a.socket.cookie - b.socket.cookie,
    ),
    rate: sum(subflows.map(({ rate }) => rate)),
    ...totals,
    usable: usable.length,
    rtt: usable.reduce<number | null>(
      (best, { socket: { traffic } }) => (traffic ? Math.min(best ?? Infinity, traffic.rtt) : best),
      null,
    ),
  };
}

function sourceOf(status: StatusDocument | null): string {
  if (!status) return 'reading the state';
  if (status.silent) return `daemon ${status.silent.pid ?? ''} does not answer`;
  if (!status.daemon) return 'no daemon is running';
  const { pid, paused, dryRun } = status.daemon;
  return `daemon ${pid}${paused ? `, ${PAUSED}` : ''}${dryRun ? ', dry run' : ''}`;
}

/** Returns the share of `rate` in `whole`, from 0 to 1. */
export const share = (rate: Rate, whole: Rate): number => {
  const all = total(whole);
  return all === 0 ? 0 : total(rate) / all;
};
