/**
 * The daemon's loop. When woken, it reads what may have changed, plans, executes the plan, and repeats this until
 * there is nothing to do. It never waits for hooks.
 */
import { apply } from '../actions/apply.ts';
import { dropRetries, recordIntent, isTriedAgain, applyOutcome, retryAll } from '../actions/transitions.ts';
import type { HookRecord } from '../hooks/record.ts';
import { actionText, addsRoute, dirtyAfterAction, staleParts, type Action } from '../actions/action.ts';
import { flushActions } from '../plan/flush.ts';
import { observe } from '../plan/observe.ts';
import type { State, Pause } from '../actions/state.ts';
import { isDue, plan } from '../plan/plan.ts';
import type { Configuration } from '../rules/rule.ts';
import type { Dirty } from '../snapshot/dirty.ts';
import { ALL_PARTS, type SnapshotPart, type Snapshot } from '../snapshot/snapshot.ts';
import { Timers } from './timers.ts';
import { withConnections } from './open-connections.ts';
import { RemovalLog } from './removal-log.ts';
import { UplinkLog } from './uplink-log.ts';
import { firstDeletions } from './lost-links.ts';
import { PassErrors } from './pass-error.ts';
import { PendingChanges } from './pending-changes.ts';
import { readChanges } from './read-changes.ts';
import { MAX_THROTTLE_MS, RETRY_PARTS, MAX_PASSES, ACTION_RETRY_MS } from './intervals.ts';
import type { LoopParts, PassResult } from './parts.ts';
import { SettleWaiters } from './settle-waiters.ts';
import { logObservations, DryRunLog, logOutcome } from './action-log.ts';
import { Refresher, REFRESH_PASSES } from './refresher.ts';
import { RestoreLimiter } from './restore-limiter.ts';
import { KeptCheck } from './kept-check.ts';
import { JournalWriter } from './journal-writer.ts';
import { Counters, type WakeCause } from './counters.ts';
import { desiredState, informHooks } from './hook-state.ts';
import { scheduleWakes } from './schedule.ts';
import { isDone, type Outcome } from '../actions/outcome.ts';

export class Loop {
  readonly counters = new Counters();
  readonly #parts: LoopParts;
  readonly #uplinkLog: UplinkLog;
  readonly #errors: PassErrors;
  readonly #limiter = new RestoreLimiter();
  readonly #removalLog: RemovalLog;
  readonly #journalWriter: JournalWriter;
  /** Set in a dry run, which changes nothing. */
  readonly #dryRunLog: DryRunLog | null;
  readonly #pending = new PendingChanges();
  readonly #waiters = new SettleWaiters();
  readonly #timers: Timers;
  readonly #refresher: Refresher;
  readonly #keptCheck: KeptCheck;
  #configuration: Configuration;
  #state: State;
  #notified: HookRecord;
  #view: PassResult | null = null;
  /** Actions since the last flush or reload began; null: none is under way. */
  #done: string[] | null = null;
  #running = false;
  #stopped = false;

  constructor(parts: LoopParts, configuration: Configuration) {
    this.#parts = parts;
    this.#configuration = configuration;
    this.#state = parts.state;
    this.#notified = parts.notified;
    this.#uplinkLog = new UplinkLog(parts.log);
    this.#errors = new PassErrors(parts.log);
    this.#timers = new Timers(parts.clock);
    this.#refresher = new Refresher(this.#timers, parts.clock);
    this.#removalLog = new RemovalLog(parts.log);
    this.#keptCheck = new KeptCheck(parts.log);
    this.#journalWriter = new JournalWriter(parts.journal, parts.log);
    this.#dryRunLog = parts.dryRun ? new DryRunLog(parts.log) : null;
    this.#pending.add(ALL_PARTS, null);
  }

  get view(): PassResult | null {
    return this.#view;
  }

  /**
   * Something may have changed. `touched`: indices of the links that changed; null: any may have changed. `dirty`:
   * look-ups that may have changed; null: any.
   */
  wake(
    parts: Iterable<SnapshotPart>,
    touched: Iterable<number> | null = [],
    cause: WakeCause = 'event',
    dirty: Dirty | null = null,
  ): void {
    this.counters.wake(cause);
    this.#keptCheck.cancel();
    this.#pending.add(parts, touched, dirty);
    if (!this.#running && !this.#stopped && !this.#timers.has('throttle')) this.#start();
  }

  get state(): State {
    return this.#state;
  }

  /** `resume`: end a pause. @returns the texts of the actions until nothing was left to do */
  async reload(configuration: Configuration, { resume }: { readonly resume: boolean }): Promise<string[]> {
    this.#configuration = configuration;
    const paused = resume ? null : this.#state.paused;
    this.#state = { ...this.#state, paused, failures: new Map(), slots: Infinity };
    this.#parts.hooks.reload(configuration.hooks);
    this.#parts.onReload?.(configuration);
    this.#limiter.skipPauses();
    return this.#collect();
  }

  /** Resolves when nothing is pending, or when a pass that began after this call has found nothing to do. */
  settled(): Promise<void> {
    if (!this.#running && !this.#pending.any && !this.#timers.has('throttle')) return Promise.resolve();
    return this.#waiters.wait();
  }

  /** Resolves after a pass that began after this call, so that it includes changes that cause no event. */
  refresh(): Promise<void> {
    return this.#refresher.ask(() => {
      this.wake(['endpoints'], [], 'request');
      return this.#waiters.wait(REFRESH_PASSES);
    });
  }

  /** Removes all that is owned and pauses. @returns texts of what was removed and of what was left */
  async flush(paused: Pause): Promise<{ done: string[]; left: string[] }> {
    this.#state = { ...this.#state, paused };
    // If the daemon is killed from here on, the next one continues the flush.
    this.#write();
    this.#parts.reader.forget();
    const done = await this.#collect();
    const left = this.#view ? flushActions(this.#view.snapshot, this.#state).map(actionText) : [];
    return { done, left: this.#errors.last ? [this.#errors.last] : left };
  }

  /** Reads everything. @returns the texts of the actions until nothing was left to do */
  async #collect(): Promise<string[]> {
    const done: string[] = [];
    this.#done = done;
    this.wake(ALL_PARTS, [], 'reload');
    await this.settled();
    if (this.#done === done) this.#done = null;
    return done;
  }

  /** Writes the journal; called when the hooks' last notification changes or the file is missing. */
  recordNotified(record = this.#notified): void {
    this.#notified = record;
    this.#write();
  }

  /** Ends the loop. Everything that is owned stays in place. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timers.stop();
    if (this.#running) await this.#waiters.wait();
    await this.#parts.hooks.stop();
  }

  #start(): void {
    this.#running = true;
    void this.#run();
  }

  /** Never rejects: an error of a pass is logged, and the pass is tried again. */
  async #run(): Promise<void> {
    const started = this.#parts.clock.now();
    const pause = await this.#passes().catch((error: unknown) => this.#errors.failed(error));
    this.#uplinkLog.write();
    this.#running = false;
    if (pause !== null) this.#timers.set('again', pause, () => this.wake(ALL_PARTS, [], 'timer'));
    else if (this.#pending.any && !this.#stopped) {
      const delay = Math.min(this.#parts.clock.now() - started, MAX_THROTTLE_MS);
      return this.#timers.set('throttle', delay, () => this.wake([], [], 'timer'));
    }
    this.#waiters.resumeAll();
  }

  /** @returns milliseconds until the next pass; null: it waits for a wake-up */
  async #passes(): Promise<number | null> {
    for (let passes = 1; !this.#stopped; passes++) {
      // A pass that another program's change causes does not count towards MAX_PASSES.
      if (this.#pending.woken) passes = 1;
      const ended = this.#waiters.pass();
      const due = await this.#pass();
      ended(due);
      // Own changes are read again at once. Events first accumulate for up to MAX_THROTTLE_MS.
      if (!due) break;
      if (passes < MAX_PASSES || this.#pending.woken) continue;
      this.#parts.log.warn(
        `${MAX_PASSES} passes did not settle what is to be done; the next pass is in ${ACTION_RETRY_MS / 1000} s`,
      );
      return ACTION_RETRY_MS;
    }
    return null;
  }

  /** @returns whether anything was due; then another pass is necessary */
  async #pass(): Promise<boolean> {
    const { clock, hooks, reader, dryRun: assumeRouted } = this.#parts;
    this.counters.passes++;
    await this.#deleteFirst();
    const { batch, read } = await readChanges(this.#pending, reader);
    if (batch.woken && RETRY_PARTS.some((part) => batch.stale.has(part))) this.#state = retryAll(this.#state);
    await this.#keptCheck.end(read);
    this.#observe(read);
    const judged = { ...read, ...this.#parts.health?.() };
    const snapshot = await withConnections(judged, this.#configuration, this.#state, this.#parts);
    const planned = plan(snapshot, this.#configuration, this.#state, { assumeRouted });
    const since = this.#uplinkLog.observe(planned, clock.now());
    this.#view = { plan: planned, snapshot, state: this.#state, since };
    const { paused } = this.#state;
    const done = this.#done;
    const actions = paused
      ? flushActions(snapshot, this.#state).filter((action) => isDue(action, this.#state))
      : planned.actions;
    const { allowed, restored, wait, contestedWait } = this.#limiter.allow(actions, batch.links, clock.now());
    this.#removalLog.logRestored(restored, contestedWait, snapshot.policyRules, clock.now());
    const outcomes = this.#dryRunLog?.log(allowed) ?? (await this.#do(allowed, snapshot));
    // After the actions: traffic would wait while hooks are started.
    informHooks(hooks, desiredState(planned, snapshot, this.#notified, { paused: paused !== null }));
    this.counters.restored += restored.length;
    this.counters.act(outcomes);
    this.#state = dropRetries(this.#state);
    this.#write();
    const { objects: contested, until } = this.#limiter.contested(clock.now());
    const hasChanged = contested !== this.#state.contested;
    if (hasChanged) this.#state = { ...this.#state, contested };
    const again = isTriedAgain(this.#state);
    const counted = Boolean(snapshot.connections);
    const times = { expires: planned.expires, wait, until, again, counted, partial: reader.partial };
    const wake = (parts: readonly SnapshotPart[], dirty?: Dirty) => this.wake(parts, [], 'timer', dirty);
    scheduleWakes(this.#timers, clock.now(), times, wake, () => this.#check());
    this.#errors.succeeded();
    this.#parts.onPass(this.#view);
    done?.push(...outcomes.filter(isDone).map(({ action }) => actionText(action)));
    // A refusal also changes the plan. A conflict with another program changes the reported state.
    return outcomes.length > 0 || hasChanged;
  }

  /** Deletes endpoints on links that have lost their carrier, before everything else is read. */
  async #deleteFirst(): Promise<void> {
    const { kernel, health, dryRun } = this.#parts;
    const last = this.#view && !dryRun ? { ...this.#view.snapshot, ...health?.() } : null;
    const { all } = this.#pending;
    const first = await firstDeletions(kernel, all, last, this.#configuration, this.#state);
    if (first) this.counters.act(await this.#do(first.actions, first.snapshot));
  }

  /** Reads everything, and compares it with what was kept. */
  #check(): void {
    const kept = this.#running || this.#pending.any ? null : (this.#view?.snapshot ?? null);
    this.wake(ALL_PARTS, [], 'timer');
    this.#keptCheck.begin(kept);
  }

  #observe(snapshot: Snapshot): void {
    const observed = observe(this.#state, snapshot);
    logObservations(this.#parts.log, this.#state, observed, snapshot.limits);
    this.#state = observed;
  }

  async #do(actions: readonly Action[], snapshot: Snapshot): Promise<Outcome[]> {
    const { clock, kernel, log, reader } = this.#parts;
    const { failures, owned } = this.#state;
    for (const action of actions) if (addsRoute(action)) reader.include(action.route);
    const outcomes = await apply(actions, kernel, {
      before: (action) => {
        const intended = recordIntent(this.#state, action, snapshot);
        if (intended === this.#state) return;
        const before = this.#state;
        this.#state = intended;
        if (this.#write()) return;
        // Without its record an endpoint would have no owner after a crash.
        this.#state = before;
        throw new Error(`${actionText(action)}: not executed, because the journal could not be written`);
      },
      after: (outcome) => (this.#state = applyOutcome(this.#state, outcome)),
    });
    for (const outcome of outcomes) {
      logOutcome(log, outcome, this.#state.failures, failures);
      this.#removalLog.logChangedFlags(outcome, owned, snapshot.endpoints, clock.now());
      if (!outcome.error && !outcome.foreign) this.#limiter.done(outcome.action);
      // Even a refused or unanswered action may have been executed: the kernel's state must be read again.
      this.#pending.addOwn(staleParts(outcome.action), dirtyAfterAction(outcome.action));
    }
    return outcomes;
  }

  /** @returns false: the journal could not be written */
  #write(): boolean {
    return this.#parts.dryRun || this.#journalWriter.write(this.#state, this.#notified);
  }
}
