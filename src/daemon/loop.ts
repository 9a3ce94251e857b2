/**
 * The daemon's loop. When woken, it reads what may have changed, plans, executes the plan, and repeats this until
 * there is nothing to do. It never waits for hooks.
 */
import { apply, isDone, type Outcome } from '../actions/apply.ts';
import { staleBy } from '../actions/stale.ts';
import { dropRetries, intend, isTriedAgain, remember, retryAll } from '../actions/remember.ts';
import type { ToldRecord } from '../hooks/told-record.ts';
import { NetlinkError } from '../netlink/error.ts';
import { DecodeError } from '../netlink/attribute.ts';
import { actionText, type Action } from '../plan/action.ts';
import { flushActions } from '../plan/flush.ts';
import { learn } from '../plan/learn.ts';
import type { Memory, Pause } from '../plan/memory.ts';
import { isDue, plan } from '../plan/plan.ts';
import type { Configuration } from '../rules/rule.ts';
import { ALL_PARTS, type Part, type Snapshot } from '../snapshot/snapshot.ts';
import { sourceStack } from '../system/stack.ts';
import { Alarms } from './alarms.ts';
import { withConnections } from './at-stake.ts';
import { Blame } from './blame.ts';
import { Diary } from './diary.ts';
import { Heard, type News } from './heard.ts';
import { sayLearnt } from './learnt.ts';
import { LONGEST_REST, MOVES, READ_AGAIN, SETTLE, TRY_AGAIN } from './pace.ts';
import type { LoopParts, View } from './parts.ts';
import { Quiet } from './quiet.ts';
import { sayOutcome } from './outcome.ts';
import { Refresher, REFRESH_LOOKS } from './refresher.ts';
import { Rehearsal } from './rehearsal.ts';
import { RestoreLimiter } from './restore.ts';
import { Scribe } from './scribe.ts';
import { levelOf } from './tell.ts';
import { setTimers } from './timers.ts';

export class Loop {
  readonly #parts: LoopParts;
  readonly #diary: Diary;
  readonly #limiter = new RestoreLimiter();
  readonly #blame: Blame;
  readonly #scribe: Scribe;
  /** Set in a dry run, which changes nothing. */
  readonly #rehearsal: Rehearsal | null;
  readonly #heard = new Heard();
  readonly #quiet = new Quiet();
  readonly #alarms: Alarms;
  readonly #refresher: Refresher;
  #configuration: Configuration;
  #memory: Memory;
  #told: ToldRecord;
  #view: View | null = null;
  /** The error of the last pass, which is logged once. */
  #trouble = '';
  /** Actions since the last flush or reload began; null: none is under way. */
  #done: string[] | null = null;
  #running = false;
  #stopped = false;

  constructor(parts: LoopParts, configuration: Configuration) {
    this.#parts = parts;
    this.#configuration = configuration;
    this.#memory = parts.memory;
    this.#told = parts.told;
    this.#diary = new Diary(parts.log);
    this.#alarms = new Alarms(parts.clock);
    this.#refresher = new Refresher(this.#alarms, parts.clock);
    this.#blame = new Blame(parts.log);
    this.#scribe = new Scribe(parts.journal, parts.log);
    this.#rehearsal = parts.dryRun ? new Rehearsal(parts.log) : null;
    this.#heard.add(ALL_PARTS, null, true);
  }

  get view(): View | null {
    return this.#view;
  }

  /** Something may have changed. `touched`: indices of the links that changed; null: any may have changed. */
  wake(parts: Iterable<Part>, touched: Iterable<number> | null = []): void {
    this.#heard.add(parts, touched, true);
    if (!this.#running && !this.#stopped && !this.#alarms.has('rest')) this.#start();
  }

  get memory(): Memory {
    return this.#memory;
  }

  /** `resume`: ends a pause. @returns the texts of the actions until nothing was left to do */
  async reload(configuration: Configuration, resume: boolean): Promise<string[]> {
    this.#configuration = configuration;
    const paused = resume ? null : this.#memory.paused;
    this.#memory = { ...this.#memory, paused, failures: new Map(), slots: Infinity };
    this.#parts.hooks.reload(configuration.hooks);
    this.#limiter.hurry();
    return this.#collect();
  }

  /** Resolves when a pass that began after this call has found nothing to do, even if more was reported since. */
  settled(): Promise<void> {
    if (!this.#running && !this.#heard.any && !this.#alarms.has('rest')) return Promise.resolve();
    return this.#quiet.wait();
  }

  /** Resolves after a pass that began after this call, so that it includes changes that cause no event. */
  refresh(): Promise<void> {
    return this.#refresher.ask(() => {
      this.wake(['endpoints']);
      return this.#quiet.wait(REFRESH_LOOKS);
    });
  }

  /** Removes all that is owned and pauses. @returns texts of what was removed and of what was left */
  async flush(paused: Pause): Promise<{ done: string[]; left: string[] }> {
    this.#memory = { ...this.#memory, paused };
    // If the daemon is killed from here on, the next one continues the flush.
    this.#write();
    this.#parts.reader.forget();
    const done = await this.#collect();
    const left = this.#view ? flushActions(this.#view.snapshot, this.#memory).map(actionText) : [];
    return { done, left: this.#trouble ? [this.#trouble] : left };
  }

  /** Reads everything. @returns the texts of the actions until nothing was left to do */
  async #collect(): Promise<string[]> {
    const done: string[] = [];
    this.#done = done;
    this.wake(ALL_PARTS);
    await this.settled();
    if (this.#done === done) this.#done = null;
    return done;
  }

  /** Writes the journal, when the hooks' last notification changes or the file is missing. */
  told(record = this.#told): void {
    this.#told = record;
    this.#write();
  }

  /** Ends the loop. Everything that is owned stays in place. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#alarms.stop();
    if (this.#running) await this.#quiet.wait();
    await this.#parts.hooks.stop();
  }

  #start(): void {
    this.#running = true;
    void this.#run();
  }

  /** Never rejects: an error of a pass is logged, and the pass is tried again. */
  async #run(): Promise<void> {
    const started = this.#parts.clock.now();
    const pause = await this.#passes().catch((error: unknown) => this.#fail(error));
    this.#diary.write();
    this.#running = false;
    if (pause !== null) this.#alarms.set('again', pause, () => this.wake(ALL_PARTS));
    else if (this.#heard.any && !this.#stopped) {
      const rest = Math.min(this.#parts.clock.now() - started, LONGEST_REST);
      return this.#alarms.set('rest', rest, () => this.wake([]));
    }
    this.#quiet.end();
  }

  /** @returns milliseconds until the next pass; null: it waits for a wake-up */
  async #passes(): Promise<number | null> {
    for (let passes = 1; !this.#stopped; passes++) {
      // Changes by other programs do not count as passes that fail to settle.
      if (this.#heard.woken) passes = 1;
      const told = this.#quiet.look();
      const due = await this.#pass();
      told(due);
      // Only own changes are read again at once; events may accumulate first.
      if (!due) break;
      if (passes < SETTLE || this.#heard.woken) continue;
      this.#parts.log.warn(
        `${SETTLE} passes did not settle what is to be done; looking again in ${TRY_AGAIN / 1000} s`,
      );
      return TRY_AGAIN;
    }
    return null;
  }

  #fail(error: unknown): number {
    const expected = error instanceof NetlinkError || error instanceof DecodeError;
    const { message } = error as Error;
    if (message !== this.#trouble)
      this.#parts.log.warn(
        `a pass failed and is tried again: ${message}`,
        expected ? {} : { stack: sourceStack(error) },
      );
    this.#trouble = message;
    return expected ? READ_AGAIN : TRY_AGAIN;
  }

  /** Always reads endpoints: the kernel reports no change, and a new one must not collide with an unknown one. */
  async #read(news: News): Promise<Snapshot> {
    try {
      return await this.#parts.reader.read(new Set<Part>([...news.stale, 'endpoints']));
    } catch (error) {
      this.#heard.giveBack(news);
      throw error;
    }
  }

  /** @returns whether anything was due; then another pass is necessary */
  async #pass(): Promise<boolean> {
    const { clock, hooks } = this.#parts;
    let news = this.#heard.take();
    let read = await this.#read(news);
    // An address replaced meanwhile may be half read and would count as lost: read again, once, as events may go on.
    if (this.#heard.moved) {
      this.#heard.giveBack(news);
      news = this.#heard.take();
      read = await this.#read(news);
    }
    if (news.woken && MOVES.some((part) => news.stale.has(part))) this.#memory = retryAll(this.#memory);
    this.#learn(read);
    const snapshot = await withConnections(read, this.#configuration, this.#memory, this.#parts);
    const planned = plan(snapshot, this.#configuration, this.#memory, this.#parts.dryRun);
    const since = this.#diary.observe(planned, clock.now());
    this.#view = { plan: planned, snapshot, memory: this.#memory, since };
    const { paused } = this.#memory;
    const done = this.#done;
    const level = levelOf(planned, snapshot, this.#told, paused !== null);
    hooks.wantUplinks(level.uplinks, level.farewells);
    hooks.wantLinks(level.links, level.farewells);
    const actions = paused
      ? flushActions(snapshot, this.#memory).filter((action) => isDue(action, this.#memory))
      : planned.actions;
    const {
      allowed,
      restored,
      wait,
      fought: often,
    } = this.#limiter.allow(actions, news.touched, clock.now());
    this.#blame.say(restored, often, snapshot.policyRules, clock.now());
    const outcomes = this.#rehearsal?.say(allowed) ?? (await this.#do(allowed, snapshot));
    this.#memory = dropRetries(this.#memory);
    this.#write();
    const { objects: contested, until } = this.#limiter.contested(clock.now());
    const fought = contested !== this.#memory.contested;
    if (fought) this.#memory = { ...this.#memory, contested };
    const again = isTriedAgain(this.#memory);
    const times = { expires: planned.expires, wait, until, again, counted: Boolean(snapshot.connections) };
    setTimers(this.#alarms, clock.now(), times, (parts) => this.wake(parts));
    this.#trouble = '';
    this.#parts.onPass(this.#view);
    done?.push(...outcomes.filter(isDone).map(({ action }) => actionText(action)));
    // Even a refused or unanswered action may have been executed: the kernel's state must be read again.
    this.#heard.add(
      outcomes.flatMap(({ action }) => [...staleBy(action)]),
      [],
      false,
    );
    // A refusal also changes the plan, and a conflict with another program the reported state.
    return outcomes.length > 0 || fought;
  }

  #learn(snapshot: Snapshot): void {
    const learnt = learn(this.#memory, snapshot);
    sayLearnt(this.#parts.log, this.#memory, learnt, snapshot.limits);
    this.#memory = learnt;
  }

  async #do(actions: readonly Action[], snapshot: Snapshot): Promise<Outcome[]> {
    const { clock, kernel, log } = this.#parts;
    const { failures, owned } = this.#memory;
    const outcomes = await apply(actions, kernel, {
      before: (action) => {
        const intended = intend(this.#memory, action, snapshot);
        if (intended === this.#memory) return;
        const before = this.#memory;
        this.#memory = intended;
        if (this.#write()) return;
        // Without its record an endpoint would have no owner after a crash.
        this.#memory = before;
        throw new Error(`${actionText(action)}: not done, since it could not be written down`);
      },
      after: (outcome) => (this.#memory = remember(this.#memory, outcome)),
    });
    for (const outcome of outcomes) {
      sayOutcome(log, outcome, this.#memory.failures, failures);
      this.#blame.sayChange(outcome, owned, snapshot.endpoints, clock.now());
      if (!outcome.error && !outcome.foreign) this.#limiter.done(outcome.action);
    }
    return outcomes;
  }

  /** @returns false: the journal could not be written */
  #write(): boolean {
    return this.#parts.dryRun || this.#scribe.write(this.#memory, this.#told);
  }
}
