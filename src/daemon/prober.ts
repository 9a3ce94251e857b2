/**
 * Probes the paths of uplinks (`health: { probe }`), where a family has more than one. An uplink whose targets do not
 * answer is suspect, under the same conditions as one whose data is not answered: its endpoint is removed only if
 * another uplink can carry each of its connections.
 */
import { countDependants, tokensElsewhere } from '../health/decide.ts';
import { afterProbe, NO_PROBES, type ProbeCount } from '../health/probe-count.ts';
import { dumpSubflowSockets, isCarrying, type SubflowSocket } from '../netlink/diag.ts';
import type { Requester } from '../netlink/connection.ts';
import { DecodeError } from '../netlink/attribute.ts';
import { NetlinkError } from '../netlink/error.ts';
import type { Family } from '../netlink/ip.ts';
import type { MptcpEvent } from '../netlink/mptcp/event.ts';
import type { Uplink } from '../plan/uplink.ts';
import type { ProbeSettings } from '../rules/rule.ts';
import { lookupKey, type Suspect } from '../snapshot/snapshot.ts';
import type { Clock } from '../system/clock.ts';
import type { Log } from '../system/log.ts';
import type { SystemError } from '../system/system-error.ts';
import { probe, type ProbeResult } from './probe-packet.ts';
import { Timers } from './timers.ts';

export interface ProberParts {
  readonly netns: string | undefined;
  /** NETLINK_SOCK_DIAG. */
  readonly diag: Requester;
  readonly clock: Clock;
  readonly log: Log;
  /** `suspects` has changed. */
  readonly onChange: () => void;
  /** Replaced in tests. */
  readonly send?: typeof probe;
}

interface Probed {
  readonly key: string;
  readonly family: Family;
  readonly interface: string;
  readonly address: string;
  count: ProbeCount;
  /** Connections that would be closed with its endpoint. */
  dependants: number;
}

export class Prober {
  readonly #parts: ProberParts;
  readonly #timers: Timers;
  #settings: ProbeSettings | null;
  #paths = new Map<string, Probed>();
  /** Suspect by what MPTCP's own traffic shows. */
  #passive: ReadonlyMap<string, Suspect> = new Map();
  #suspects: ReadonlyMap<string, Suspect> = new Map();
  /** The last error with which a probe could not be sent; logged once. */
  #lastError = '';
  #probing = false;
  #stopped = false;

  constructor(parts: ProberParts, settings: ProbeSettings | null) {
    this.#parts = parts;
    this.#settings = settings;
    this.#timers = new Timers(parts.clock);
  }

  /** By `lookupKey`. */
  get suspects(): ReadonlyMap<string, Suspect> {
    return this.#suspects;
  }

  /** `settings`: null: no probes. */
  reload(settings: ProbeSettings | null): void {
    if (JSON.stringify(settings) === JSON.stringify(this.#settings)) return;
    this.#settings = settings;
    this.#paths = new Map();
    this.#lastError = '';
    this.#timers.cancel('probe');
    this.#update();
  }

  /** Called after each pass. `passive`: uplinks that are suspect for another reason, by `lookupKey`. */
  follow(uplinks: readonly Uplink[], passive: ReadonlyMap<string, Suspect>): void {
    const { track } = this.#settings ?? { track: [] };
    const usable = uplinks.filter(
      ({ state, endpoint }) => state === 'suspect' || (state === 'active' && endpoint !== null),
    );
    this.#passive = passive;
    const paths = new Map<string, Probed>();
    for (const { family, address, ifindex, interface: name } of usable) {
      if (!family || !address || !track.some((target) => target.family === family)) continue;
      if (usable.filter((other) => other.family === family).length < 2) continue;
      const key = lookupKey(ifindex, address);
      const { count = NO_PROBES, dependants = 0 } = this.#paths.get(key) ?? {};
      paths.set(key, { key, family, address, interface: name, count, dependants });
    }
    this.#paths = paths;
    this.#update();
    if (paths.size === 0) this.#timers.cancel('probe');
    else if (!this.#probing && !this.#timers.has('probe')) this.#schedule(0);
  }

  /** A new subflow from an address proves that its path works. */
  observe({ kind, local }: MptcpEvent): void {
    if ((kind !== 'subflow-established' && kind !== 'established') || !local) return;
    for (const path of this.#paths.values()) if (path.address === local.address) path.count = NO_PROBES;
    this.#update();
  }

  stop(): void {
    this.#stopped = true;
    this.#timers.stop();
  }

  #schedule(delay: number): void {
    if (!this.#stopped) this.#timers.set('probe', delay, () => void this.#probeAll());
  }

  async #probeAll(): Promise<void> {
    const settings = this.#settings;
    if (!settings || this.#probing) return;
    const began = this.#parts.clock.now();
    this.#probing = true;
    const paths = [...this.#paths.values()];
    const results = await Promise.all(paths.map((path) => this.#probeOne(path, settings)));
    // All at once: a path whose result is not known yet must not replace another.
    if (this.#settings === settings)
      for (const [at, { key }] of paths.entries()) this.#count(key, results[at]!, began);
    if (this.#stopped) return;
    if ([...this.#paths.values()].some(({ count }) => count.down)) await this.#review();
    this.#probing = false;
    this.#update();
    if (this.#paths.size > 0 && this.#settings)
      this.#schedule(Math.max(0, began + this.#settings.interval - this.#parts.clock.now()));
  }

  #probeOne(path: Probed, { track, timeout }: ProbeSettings): Promise<ProbeResult> {
    const { netns, send = probe } = this.#parts;
    const targets = track.filter(({ family }) => family === path.family);
    return firstAnswer(targets.map((target) => send(target, path, { netns, timeout })));
  }

  /** Does nothing if the uplink is gone. */
  #count(key: string, result: ProbeResult, sentAt: number): void {
    const path = this.#paths.get(key);
    if (!path || !this.#settings) return;
    if (typeof result === 'object') return this.#logError(result.error);
    path.count = afterProbe(path.count, { isAnswered: result === 'answered', sentAt }, this.#settings);
  }

  #logError({ code, message }: SystemError): void {
    if (message === this.#lastError) return;
    this.#lastError = message;
    const remedy =
      code === 'EACCES'
        ? '; ICMP echo needs net.ipv4.ping_group_range="0 2147483647" (sysctl); tcp:// and http:// targets do not'
        : code === 'EAFNOSUPPORT'
          ? '; the service needs RestrictAddressFamilies=AF_INET AF_INET6'
          : '';
    this.#parts.log.warn(`a probe could not be sent and does not count: ${message}${remedy}`);
  }

  /** Counts the connections that depend on suspect paths, and forgets failures of paths on which data arrives. */
  async #review(): Promise<void> {
    const sockets = await this.#sockets();
    if (!sockets) return;
    const now = this.#parts.clock.now();
    const suspect = new Set([...this.#passive.keys()].map((key) => key.slice(key.indexOf('/') + 1)));
    for (const { address, count } of this.#paths.values()) if (count.down) suspect.add(address);
    for (const path of this.#paths.values()) {
      const { address, count } = path;
      if (!count.down) continue;
      const own = sockets.filter((socket) => socket.local.address === address && isCarrying(socket));
      const since = count.failingSince ?? now;
      const isAnswered = own.some(
        ({ traffic }) => traffic && now - Math.min(traffic.sinceAck, traffic.sinceData) > since,
      );
      if (isAnswered) path.count = NO_PROBES;
      else path.dependants = countDependants(own, tokensElsewhere(address, sockets, suspect));
    }
  }

  async #sockets(): Promise<readonly SubflowSocket[] | null> {
    try {
      return await dumpSubflowSockets(this.#parts.diag);
    } catch (error) {
      if (!(error instanceof NetlinkError || error instanceof DecodeError)) throw error;
      return null;
    }
  }

  /** Computes `suspects` again. */
  #update(): void {
    const { track = [], down = 0 } = this.#settings ?? {};
    const now = this.#parts.clock.now();
    const suspects = new Map<string, Suspect>();
    for (const { key, family, count, dependants } of this.#paths.values()) {
      if (!count.down || this.#passive.has(key)) continue;
      const kept = dependants > 0 || !this.#isReplaced(key, family);
      const targets = track.filter((target) => target.family === family).map(({ text }) => text);
      const before = this.#suspects.get(key);
      suspects.set(key, {
        ...{ present: kept, kept, isOnly: kept && dependants === 0 },
        ...{ strikes: 1, pause: 0, probe: { targets, probes: down } },
        unanswered: before?.unanswered ?? Math.round(now - (count.failingSince ?? now)),
      });
    }
    const changed = JSON.stringify([...suspects]) !== JSON.stringify([...this.#suspects]);
    this.#suspects = suspects;
    if (changed) this.#parts.onChange();
  }

  /** Whether another uplink of the family works. */
  #isReplaced(key: string, family: Family): boolean {
    return [...this.#paths.values()].some(
      (other) =>
        other.key !== key && other.family === family && !other.count.down && !this.#passive.has(other.key),
    );
  }
}

/** Answered as soon as one probe is; an error if none could be sent. */
function firstAnswer(probes: readonly Promise<ProbeResult>[]): Promise<ProbeResult> {
  return new Promise((resolve) => {
    for (const each of probes) void each.then((result) => result === 'answered' && resolve(result));
    void Promise.all(probes).then((results) =>
      resolve(results.find((result) => typeof result === 'string') ?? results[0]!),
    );
  });
}
