/** The watched paths: those of active and suspect uplinks, where a family has more than one. */
import type { SubflowSocket } from '../netlink/diag.ts';
import {
  MPTCP_PM_ADDR_FLAG_FULLMESH,
  MPTCP_PM_ADDR_FLAG_SIGNAL,
  MPTCP_PM_ADDR_FLAG_SUBFLOW,
  type Endpoint,
} from '../netlink/mptcp/endpoint.ts';
import { countDependants, tokensElsewhere } from '../health/decide.ts';
import { advance } from '../health/doubt.ts';
import { isCarrying } from '../health/judge.ts';
import { Path } from '../health/path.ts';
import type { Uplink } from '../plan/uplink.ts';
import { lookupKey, type Suspect } from '../snapshot/snapshot.ts';
import type { Clock } from '../system/clock.ts';

const MOST_FORMER = 64;

const isSubflowOnly = ({ flags }: Endpoint): boolean =>
  (flags & MPTCP_PM_ADDR_FLAG_SUBFLOW) !== 0 &&
  (flags & (MPTCP_PM_ADDR_FLAG_SIGNAL | MPTCP_PM_ADDR_FLAG_FULLMESH)) === 0;

export class HealthPaths {
  readonly #clock: Clock;
  #paths = new Map<string, Path>();
  /** Those that no uplink has at the moment, so that a path that comes and goes is remembered. */
  readonly #former = new Map<string, Path>();
  #suspects: ReadonlyMap<string, Suspect> = new Map();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get all(): Iterable<Path> {
    return this.#paths.values();
  }

  get any(): boolean {
    return this.#paths.size > 0;
  }

  get doubted(): boolean {
    return this.#suspects.size > 0;
  }

  get suspects(): ReadonlyMap<string, Suspect> {
    return this.#suspects;
  }

  /** When the first suspicion enters its next phase; null: none does by time. */
  get next(): number | null {
    const times = [...this.#paths.values()].flatMap(({ doubt }) => doubt?.next ?? []);
    return times.length ? Math.min(...times) : null;
  }

  /** @returns whether a suspicion changed */
  follow(uplinks: readonly Uplink[]): boolean {
    const usable = uplinks.filter(
      ({ state, endpoint }) => state === 'suspect' || (state === 'active' && endpoint !== null),
    );
    const paths = new Map<string, Path>();
    for (const { family, address, ifindex, prefixLength, endpoint, interface: name } of usable) {
      if (!family || !address || prefixLength === null) continue;
      if (usable.filter((other) => other.family === family).length < 2) continue;
      const key = lookupKey(ifindex, address);
      const known = this.#paths.get(key) ?? this.#former.get(key);
      const path = known ?? new Path(key, family, ifindex, address, prefixLength);
      path.present = endpoint !== null;
      path.name = name;
      path.renewable = endpoint && isSubflowOnly(endpoint) ? endpoint.id : undefined;
      paths.set(key, path);
    }
    this.#leave([...this.#paths.values()].filter(({ key }) => !paths.has(key)));
    this.#paths = paths;
    return this.advance() || this.changed();
  }

  #leave(paths: readonly Path[]): void {
    for (const path of paths) {
      path.settle(this.#clock.now(), false);
      path.gauge = null;
      this.#former.set(path.key, path);
    }
    for (const key of [...this.#former.keys()].slice(0, -MOST_FORMER)) this.#former.delete(key);
  }

  /** Another uplink of its family is not suspect. */
  isReplaced({ key, family }: Path): boolean {
    return [...this.#paths.values()].some(
      (other) => other.key !== key && other.family === family && !other.doubt,
    );
  }

  /** @returns whether a suspicion changed */
  advance(): boolean {
    const now = this.#clock.now();
    for (const path of this.#paths.values()) {
      const { doubt, present, dependants } = path;
      if (doubt) path.doubt = advance(doubt, { present, dependants, replaced: this.isReplaced(path) }, now);
    }
    return this.changed();
  }

  /** Counts dependants, and ends suspicions of paths on which something arrived. @returns whether one changed */
  review(sockets: readonly SubflowSocket[]): boolean {
    const now = this.#clock.now();
    const suspect = new Set(
      [...this.#paths.values()].filter(({ doubt }) => doubt).map(({ address }) => address),
    );
    for (const path of this.#paths.values()) {
      if (!path.doubt) continue;
      const own = path.select(sockets, now).filter(isCarrying);
      const heard = own.some(
        ({ traffic }) => traffic && now - Math.min(traffic.sinceAck, traffic.sinceData) > path.doubt!.began,
      );
      if (heard) path.settle(now, true);
      else path.dependants = countDependants(own, tokensElsewhere(path.address, sockets, suspect));
    }
    return this.advance();
  }

  /** @returns whether a suspicion ended */
  end(which: (path: Path) => boolean, heard: boolean): boolean {
    const now = this.#clock.now();
    for (const path of this.#paths.values()) if (path.doubt && which(path)) path.settle(now, heard);
    return this.changed();
  }

  endAll(): boolean {
    return this.end(() => true, false);
  }

  /** Computes what the plan is to know. @returns whether it differs from before */
  changed(): boolean {
    const suspects = new Map(
      [...this.#paths.values()].flatMap(({ key, doubt }): [string, Suspect][] =>
        doubt
          ? [
              [
                key,
                {
                  present: doubt.phase !== 'absent',
                  kept: doubt.phase === 'kept',
                  unanswered: Math.round(doubt.unanswered),
                  strikes: doubt.strikes,
                  pause: doubt.pause,
                },
              ],
            ]
          : [],
      ),
    );
    const before = JSON.stringify([...this.#suspects]);
    this.#suspects = suspects;
    return JSON.stringify([...suspects]) !== before;
  }
}
