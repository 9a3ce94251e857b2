/** A daemon that can be killed at any point, its host, and the checks after a kill. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { ask } from '../../src/control/client.ts';
import type { StatusDocument } from '../../src/control/document.ts';
import { AS_SERVICE, finished, MAIN, type Daemon } from '../support/daemon.ts';
import type { Lab } from '../support/lab.ts';
import { foreign } from './others.ts';
import { Shim, type Class, type Moment, type Point } from './shim.ts';
import { HostFixture } from './fixture.ts';

/** Milliseconds without a request after which the daemon counts as idle. */
const QUIET = 80;
const NEVER = 60_000;

export interface Death {
  readonly kind: Class;
  /** The number of the point within the move, from 1. */
  readonly left: number;
  readonly moment: Moment;
}

export interface Move {
  readonly what: string;
  /** What must be done before it. */
  readonly before?: (harness: CrashHarness) => Promise<void> | void;
  readonly act: (harness: CrashHarness) => Promise<void> | void;
  /** After a flush, reloading the configuration does not bring this state about; these moves do. */
  readonly again?: readonly Move[];
}

export class CrashHarness {
  readonly #lab: Lab;
  readonly #control: string;
  readonly #foreign = new Map<string, string>();
  readonly shim: Shim;
  readonly fixture: HostFixture;
  daemon: Daemon | null = null;
  /** The points at which daemons were killed. */
  readonly ends: (Point & { readonly moment: Moment; readonly move: string })[] = [];
  flushes = 0;

  constructor(lab: Lab) {
    this.#lab = lab;
    this.#control = lab.host.journal().replace(/journal\.json$/, 'control');
    this.shim = new Shim(lab.folder);
    this.fixture = new HostFixture(lab);
    this.know();
  }

  /** The state of other programs now, while multihomed does not run. */
  know(): void {
    this.#foreign.set(this.fixture.name, foreign(this.#lab.host));
  }

  get lives(): boolean {
    return this.daemon?.runs === true;
  }

  start(): void {
    // Starts it as the service manager does after a crash: a pause continues.
    const environment = { ...this.shim.environment, ...AS_SERVICE };
    this.daemon = this.#lab.prepare(this.fixture.configuration(), { environment });
    this.fixture.paused = false;
  }

  reload(): void {
    this.daemon!.configure(this.fixture.configuration());
    this.daemon!.signal('SIGHUP');
  }

  /** @returns undefined if it was killed meanwhile or does not answer yet */
  async ask(what: 'flush' | 'reload' | 'status'): Promise<unknown> {
    try {
      return await ask(this.#control, { ask: what });
    } catch (error) {
      if (what === 'status') return undefined;
      // Its socket is closed before this process is notified of its end.
      for (let waits = 0; this.lives && waits < 3_000; waits++) await sleep(10);
      if (this.lives) throw error;
      return undefined;
    }
  }

  /**
   * Waits until the state is right and the daemon sends no further request, or until it was killed.
   * @returns whether it is alive
   */
  async settles(): Promise<boolean> {
    const end = performance.now() + NEVER;
    for (;;) {
      await sleep(5);
      if (!this.lives) return false;
      const before = this.shim.points;
      const wrong = this.fixture.wrong();
      const late = performance.now() > end;
      if (wrong.length > 0 && !late) continue;
      expect(wrong, `after ${NEVER / 1000} s; ${this.daemon?.log}`).toEqual([]);
      await sleep(QUIET);
      if (this.lives && this.shim.points === before) return true;
      expect(late, `never settles; ${this.daemon?.log}`).toBe(false);
    }
  }

  /** Checks that no object of another program was touched. */
  untouched(): void {
    const known = this.#foreign.get(this.fixture.name);
    expect(known, this.fixture.name).toBeDefined();
    expect(foreign(this.#lab.host)).toEqual(known);
  }

  /**
   * Runs the move with a daemon that is killed at this point.
   * @returns whether the point was reached
   */
  async deadly(move: Move, { kind, left, moment }: Death): Promise<boolean> {
    this.shim.disarm();
    await move.before?.(this);
    this.shim.forget();
    this.shim.arm(kind, left, moment);
    await move.act(this);
    const lives = await this.settles();
    this.shim.disarm();
    this.untouched();
    if (lives) return false;
    const points = this.shim
      .trace()
      .filter((each) => each.kind === kind && (moment !== 'midst' || each.what === 'journal write'));
    const point = points[left - 1];
    const log = this.daemon!.log;
    expect((await this.daemon!.finished()).code, log).toBe(null);
    // Its other threads may have run a little further.
    expect(point, log).toBeDefined();
    this.ends.push({ ...point!, moment, move: move.what });
    await this.recovers(move);
    return true;
  }

  /**
   * Checks that a successor reaches the right state, that flush removes all of it, and that it is added again
   * completely.
   */
  async recovers(move: Move): Promise<void> {
    this.start();
    await this.answers();
    const status = (await this.ask('status')) as StatusDocument;
    // The kill was during a flush: the successor continues it if it is in the journal.
    this.fixture.paused = status.daemon!.paused;
    await this.right();
    await this.ask('flush');
    this.flushes++;
    const { lingering } = this.fixture;
    [this.fixture.paused, this.fixture.lingering] = [true, []];
    await this.right();
    await this.ask('reload');
    this.fixture.paused = false;
    await this.right();
    for (const each of move.again ?? []) {
      await each.act(this);
      await this.right();
    }
    expect(this.fixture.lingering).toEqual(lingering);
  }

  /** Waits for its first pass. */
  async answers(): Promise<void> {
    await expect.poll(() => this.ask('status'), { interval: 5, timeout: NEVER }).toBeTruthy();
  }

  async right(): Promise<void> {
    await this.answers();
    expect(await this.settles(), this.daemon?.log).toBe(true);
    this.untouched();
  }

  async stop(): Promise<void> {
    await this.daemon?.stop();
  }

  /**
   * Flushes by the command without a daemon.
   * @returns whether it finished
   */
  async flushed(): Promise<boolean> {
    const child = this.#lab.host.spawn(process.execPath, [MAIN, 'flush', '--force'], this.shim.environment);
    const { code, stderr } = await finished(child);
    expect([0, null], stderr).toContain(code);
    this.fixture.paused = true;
    return code === 0;
  }
}
