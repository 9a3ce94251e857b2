/**
 * Tries a path on which the peers' data stopped arriving by one more subflow: if the SYN gets no answer although the
 * peer answers elsewhere, the path is dead; otherwise the application pauses. The subflow is closed again.
 */
import { isCarrying, type ConnectionSocket, type SubflowSocket } from '../netlink/diag.ts';
import type { AnswerTime } from '../health/answer-time.ts';
import { decisionOn, tokensElsewhere, type Decision } from '../health/decide.ts';
import type { Path } from '../health/path.ts';
import { findSilence, hasArrived, stallsIn, synLimit, type Silence } from '../health/silence.ts';
import { afterVainProbe } from '../health/silence-memory.ts';
import type { Clock } from '../system/clock.ts';
import type { HealthPaths } from './health-paths.ts';
import type { SubflowTries } from './subflow-tries.ts';
import { Timers } from './timers.ts';

/** Milliseconds after which sockets are read again if they show no silence although the link does. */
const AGAIN_MS = 100;
const MIN_AGAIN_MS = 15;
/** Milliseconds after which a probe that no pass has made is given up. */
const GIVE_UP_MS = 1_000;

interface Parts {
  readonly clock: Clock;
  readonly paths: HealthPaths;
  readonly tries: SubflowTries;
  /** Reads the sockets of all subflows; null: the kernel refused it. */
  readonly sockets: () => Promise<readonly SubflowSocket[] | null>;
  /** Reads the sockets of all connections; null: the kernel refused it, or has no mptcp_diag. */
  readonly connections: () => Promise<readonly ConnectionSocket[] | null>;
  /** A try is set. */
  readonly onChange: () => void;
  readonly onDead: (decision: Decision) => Promise<void>;
}

interface Probe extends Silence {
  readonly path: Path;
  /** A path on which the peer must answer; null: data has arrived there since. */
  readonly control: Path | null;
  /** How long the answer to a SYN on the control may take, in milliseconds. */
  readonly controlLimit: number;
  /** Whether the control was tried, too. */
  readonly isControlled: boolean;
  /** Cookies of the sockets before the probe. */
  readonly before: ReadonlySet<number>;
}

export class JoinProbe {
  readonly #parts: Parts;
  readonly #timers: Timers;
  /** One at a time. */
  #probe: Probe | null = null;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#timers = new Timers(parts.clock);
  }

  get isRunning(): boolean {
    return this.#probe !== null;
  }

  /** Begins a probe of the path if its data has stopped. `sockets`: all subflows. */
  async begin(path: Path, sockets: readonly SubflowSocket[], time: AnswerTime): Promise<void> {
    const { clock, paths, tries, connections, onChange } = this.#parts;
    const now = clock.now();
    const found = findSilence(path, sockets, paths.suspectAddresses, now, time);
    const wait = found ? stallsIn(found, (await connections()) ?? []) : null;
    if (!found || wait !== 0 || this.#probe || !path.present) {
      path.silence = { ...path.silence, nextProbeAt: now + Math.max(MIN_AGAIN_MS, wait ?? AGAIN_MS) };
      return;
    }
    path.silence = { ...path.silence, seenAt: path.gauge?.receivedAt ?? now };
    const others = [...paths.all].filter((other) => isControl(other, path, found, sockets));
    if (others.length === 0) return;
    const isAnswered = others.some(({ address }) => hasArrived(address, sockets, found.since, now));
    const control = isAnswered ? null : others[0]!;
    const controlLimit = control ? Math.max(found.limit, limitOf(control, found, sockets, time)) : 0;
    const before = new Set(sockets.map(({ cookie }) => cookie));
    this.#probe = { ...found, path, control, controlLimit, isControlled: false, before };
    // The subflow is also needed when the control is judged.
    const answerTime = found.limit + (control ? GIVE_UP_MS + controlLimit : 0);
    if (await tries.probe(path, [...found.tokens][0]!, sockets, answerTime)) {
      this.#timers.set('verdict', GIVE_UP_MS, () => this.#end());
      onChange();
    } else this.#end();
  }

  /** Called after each pass, with the paths of the tries that it made. */
  follow(tried: readonly Path[]): void {
    if (!this.#probe) return;
    const { path, control, limit, controlLimit, isControlled } = this.#probe;
    const [next, wait] = isControlled ? [control, controlLimit] : [path, limit];
    if (next && tried.includes(next)) this.#timers.set('verdict', wait, () => void this.#judge());
  }

  stop(): void {
    this.#timers.stop();
    this.#probe = null;
  }

  async #judge(): Promise<void> {
    const sockets = await this.#parts.sockets();
    const probe = this.#probe;
    if (!probe || !sockets) return this.#end();
    const { clock, paths, tries, onChange, onDead } = this.#parts;
    const { path, control, tokens, since, isControlled } = probe;
    const now = clock.now();
    if (hasArrived(path.address, sockets, since, now) || path.suspicion) return this.#end();
    // Without a SYN that waits, there was none, or it was refused: the limit is reached, or the peer wants no more.
    if (!sockets.some((socket) => isAsking(socket, probe))) return this.#end();
    const working = tokensElsewhere(path.address, sockets, paths.suspectAddresses);
    const silent = sockets.filter(({ local, token }) => local.address === path.address && tokens.has(token));
    const isAnswered = control === null || hasArrived(control.address, sockets, since, now);
    if (isAnswered && silent.some(({ token }) => working.has(token))) {
      this.#probe = null;
      const evidence = { unanswered: now - since, isSilent: true, silent, working };
      return onDead(decisionOn(path, sockets, evidence));
    }
    if (isAnswered || isControlled) return this.#end();
    this.#probe = { ...probe, isControlled: true };
    if (await tries.probe(control, [...tokens][0]!, sockets, probe.controlLimit)) {
      this.#timers.set('verdict', GIVE_UP_MS, () => this.#end());
      onChange();
    } else this.#end();
  }

  /** The probe showed no dead path. */
  #end(): void {
    this.#timers.cancel('verdict');
    const path = this.#probe?.path;
    this.#probe = null;
    if (path) path.silence = afterVainProbe(path.silence, path.silence.seenAt, this.#parts.clock.now());
  }
}

const isAsking = ({ state, local, token, cookie }: SubflowSocket, { path, tokens, before }: Probe): boolean =>
  state === 'SYN-SENT' && local.address === path.address && tokens.has(token) && !before.has(cookie);

/** The subflows of silent connections on `other` that its peers have accepted. */
const controlsOn = (
  { address }: Path,
  { tokens }: Silence,
  sockets: readonly SubflowSocket[],
): readonly SubflowSocket[] =>
  sockets.filter(
    (socket) =>
      socket.local.address === address && tokens.has(socket.token) && isCarrying(socket) && socket.accepted,
  );

const limitOf = (
  other: Path,
  silence: Silence,
  sockets: readonly SubflowSocket[],
  time: AnswerTime,
): number => synLimit(controlsOn(other, silence, sockets), time);

/** Whether the peer of a silent connection can answer on `other`. */
const isControl = (other: Path, path: Path, silence: Silence, sockets: readonly SubflowSocket[]): boolean =>
  other.key !== path.key &&
  !other.suspicion &&
  other.present &&
  controlsOn(other, silence, sockets).length > 0;
