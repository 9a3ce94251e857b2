/** The watched paths: those of active and suspect uplinks, where a family has more than one. */
import { isCarrying, type SubflowSocket } from '../netlink/diag.ts';
import {
  MPTCP_PM_ADDR_FLAG_FULLMESH,
  MPTCP_PM_ADDR_FLAG_SIGNAL,
  MPTCP_PM_ADDR_FLAG_SUBFLOW,
  type Endpoint,
} from '../netlink/mptcp/endpoint.ts';
import { countDependants, tokensElsewhere } from '../health/decide.ts';
import { advance, hasten } from '../health/suspicion.ts';
import { Path, type SuspicionEnd } from '../health/path.ts';
import type { Uplink } from '../plan/uplink.ts';
import { lookupKey, type Suspect } from '../snapshot/snapshot.ts';
import type { Clock } from '../system/clock.ts';

/** How many former paths are kept. */
const MAX_FORMER = 64;

const isSubflowOnly = ({ flags }: Endpoint): boolean =>
  (flags & MPTCP_PM_ADDR_FLAG_SUBFLOW) !== 0 &&
  (flags & (MPTCP_PM_ADDR_FLAG_SIGNAL | MPTCP_PM_ADDR_FLAG_FULLMESH)) === 0;

export class HealthPaths {
  readonly #clock: Clock;
  #paths = new Map<string, Path>();
  #single: Path[] = [];
  /** Paths that no uplink has now; kept because the same address may come back. */
  readonly #former = new Map<string, Path>();
  #suspects: ReadonlyMap<string, Suspect> = new Map();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get all(): readonly Path[] {
    return [...this.#paths.values()];
  }

  /** Paths on which subflows may be opened: also the only one of a family, which is not watched. */
  get joinable(): readonly Path[] {
    return [...this.#paths.values(), ...this.#single];
  }

  get any(): boolean {
    return this.#paths.size > 0;
  }

  get anySuspect(): boolean {
    return this.#suspects.size > 0;
  }

  get suspects(): ReadonlyMap<string, Suspect> {
    return this.#suspects;
  }

  get suspectAddresses(): ReadonlySet<string> {
    return new Set(
      [...this.#paths.values()].filter(({ suspicion }) => suspicion).map(({ address }) => address),
    );
  }

  /** When the first suspicion enters its next phase; null: no phase ends by time. */
  get next(): number | null {
    const times = [...this.#paths.values()].flatMap(({ suspicion }) => suspicion?.next ?? []);
    return times.length ? Math.min(...times) : null;
  }

  /** Called after each pass: watches the paths of these uplinks. @returns whether a suspicion changed */
  follow(uplinks: readonly Uplink[]): boolean {
    const usable = uplinks.filter(
      ({ state, endpoint }) => state === 'suspect' || (state === 'active' && endpoint !== null),
    );
    const paths = new Map<string, Path>();
    this.#single = [];
    for (const uplink of usable) {
      const { family, address, ifindex, prefixLength, endpoint, interface: name } = uplink;
      if (!family || !address || prefixLength === null) continue;
      const isSingle = usable.filter((other) => other.family === family).length < 2;
      const key = lookupKey(ifindex, address);
      const known = isSingle ? undefined : (this.#paths.get(key) ?? this.#former.get(key));
      const path = known ?? new Path(key, family, ifindex, address, prefixLength);
      if (!this.#paths.has(key)) path.usedSince = this.#clock.now();
      path.present = endpoint !== null;
      path.name = name;
      path.renewable = endpoint && isSubflowOnly(endpoint) ? endpoint.id : undefined;
      if (isSingle) this.#single.push(path);
      else paths.set(key, path);
    }
    this.#retire([...this.#paths.values()].filter(({ key }) => !paths.has(key)));
    this.#paths = paths;
    return this.advance() || this.update();
  }

  #retire(paths: readonly Path[]): void {
    for (const path of paths) {
      path.endSuspicion(this.#clock.now(), 'unknown');
      path.gauge = null;
      path.waits = new Map();
      this.#former.set(path.key, path);
    }
    for (const key of [...this.#former.keys()].slice(0, -MAX_FORMER)) this.#former.delete(key);
  }

  /** Whether its family has another uplink that is not suspect. */
  isReplaced({ key, family }: Path): boolean {
    return [...this.#paths.values()].some(
      (other) => other.key !== key && other.family === family && !other.suspicion,
    );
  }

  /** Moves each suspicion to its present phase. @returns whether one changed */
  advance(): boolean {
    const now = this.#clock.now();
    for (const path of this.#paths.values()) {
      const { suspicion, present, dependants } = path;
      if (suspicion)
        path.suspicion = advance(suspicion, { present, dependants, replaced: this.isReplaced(path) }, now);
    }
    return this.update();
  }

  /** Ends the pauses of all suspicions: a connection has no subflow that works. @returns whether a suspicion changed */
  hasten(): boolean {
    for (const path of this.#paths.values())
      if (path.suspicion) path.suspicion = hasten(path.suspicion, this.#clock.now());
    return this.advance();
  }

  /** Counts dependants, and ends suspicions of paths on which something arrived. @returns whether one changed */
  review(sockets: readonly SubflowSocket[]): boolean {
    const now = this.#clock.now();
    const suspect = this.suspectAddresses;
    for (const path of this.#paths.values()) {
      if (!path.suspicion) continue;
      const own = path.select(sockets, now).filter(isCarrying);
      const isAnswered = own.some(
        ({ traffic }) =>
          traffic && now - Math.min(traffic.sinceAck, traffic.sinceData) > path.suspicion!.began,
      );
      if (isAnswered) path.endSuspicion(now, 'answered');
      else path.dependants = countDependants(own, tokensElsewhere(path.address, sockets, suspect));
    }
    return this.advance();
  }

  /** Ends the suspicions of these paths. @returns whether one changed */
  end(which: (path: Path) => boolean, why: SuspicionEnd): boolean {
    const now = this.#clock.now();
    for (const path of this.#paths.values()) if (path.suspicion && which(path)) path.endSuspicion(now, why);
    return this.update();
  }

  /** Ends all suspicions, because nothing is known of any path. @returns whether one changed */
  endAll(): boolean {
    return this.end(() => true, 'unknown');
  }

  /** Computes `suspects` again. @returns whether it differs from before */
  update(): boolean {
    const suspects = new Map(
      [...this.#paths.values()].flatMap(({ key, suspicion }): [string, Suspect][] =>
        suspicion
          ? [
              [
                key,
                {
                  present: suspicion.phase !== 'absent',
                  kept: suspicion.phase === 'kept',
                  unanswered: Math.round(suspicion.unanswered),
                  isSilent: suspicion.isSilent,
                  strikes: suspicion.strikes,
                  pause: suspicion.pause,
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
