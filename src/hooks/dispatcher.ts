/** Notifies users' hooks of changes of uplinks and links. */
import type { Family, HookSettings } from '../rules/rule.ts';
import type { Log } from '../system/log.ts';
import { HookNotifier } from './notifier.ts';
import { hookEnvironment, isSafeName } from './environment.ts';
import { Semaphore } from './semaphore.ts';
import {
  linkTransitions,
  uplinkTransitions,
  type LinkState,
  type Notification,
  type UplinkFacts,
} from './facts.ts';
import { MAX_RUNS } from './protocol.ts';
import type { HookReport, HookRunner } from './runner.ts';
import { linkRecord, linkStates, type HookRecord } from './record.ts';

export interface DispatcherParts {
  readonly runner: HookRunner;
  readonly settings: HookSettings;
  readonly log: Log;
  /** The journal's record of what hooks know from an earlier daemon of this boot and namespace. */
  readonly record: HookRecord;
  /**
   * Called with the complete record before each run starts and after it has ended. One call covers all runs that start
   * or end at the same time.
   */
  readonly onRecord: (record: HookRecord) => void;
}

const NO_REASONS: ReadonlyMap<string, string> = new Map();

/**
 * Notifies hooks of changes. Callers pass the current state rather than events. Nothing waits for a hook, and a hook
 * that fails is logged and has no other effect.
 */
export class HookDispatcher {
  readonly #runner: HookRunner;
  readonly #log: Log;
  readonly #onRecord: (record: HookRecord) => void;
  readonly #uplinks: HookNotifier<UplinkFacts>;
  readonly #links: HookNotifier<LinkState>;
  /** The active address families by interface index. */
  #families: ReadonlyMap<number, readonly Family[]> = new Map();
  readonly #unsafeNames = new Set<string>();
  #settings: HookSettings;
  #stopping = false;
  /** Resolves when the record is written; null: nothing waits to be written. */
  #writing: Promise<void> | null = null;

  constructor({ runner, settings, log, record, onRecord }: DispatcherParts) {
    this.#runner = runner;
    this.#settings = settings;
    this.#log = log;
    this.#onRecord = onRecord;
    const semaphore = new Semaphore(MAX_RUNS);
    const shared = {
      semaphore,
      closing: record.closing,
      notify: (notification: Notification<UplinkFacts | LinkState>) => this.#notify(notification),
      record: () => this.#recorded(),
    };
    this.#uplinks = new HookNotifier({
      ...shared,
      transitions: uplinkTransitions,
      lastNotified: record.uplinks,
    });
    this.#links = new HookNotifier({
      ...shared,
      transitions: linkTransitions,
      lastNotified: linkStates(record),
    });
  }

  /**
   * Sets all uplinks that are active now. An uplink that is absent gets a `down` run with its last known values, and
   * with its reason from `downReasons` if there is one.
   */
  wantUplinks(current: ReadonlyMap<string, UplinkFacts>, downReasons = NO_REASONS): void {
    this.#families = activeFamilies(current);
    this.#uplinks.want(this.#safe(current), downReasons);
  }

  /** Sets all selected interfaces that exist now; otherwise like `wantUplinks`. */
  wantLinks(current: ReadonlyMap<string, LinkState>, downReasons = NO_REASONS): void {
    this.#links.want(this.#safe(current), downReasons);
  }

  /** Applies to runs that start from now on. */
  reload(settings: HookSettings): void {
    this.#settings = settings;
  }

  /** Resolves when no hook runs and no run is pending. */
  async idle(): Promise<void> {
    await Promise.all([this.#uplinks.idle(), this.#links.idle()]);
    await this.#writing;
  }

  /** Ends running hooks and starts none. The record keeps what hooks know, since the network stays as it is. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#uplinks.stop();
    this.#links.stop();
    await this.#runner.stop();
    await this.idle();
  }

  async #notify({ action, facts }: Notification<UplinkFacts | LinkState>): Promise<boolean> {
    const { timeout, user, path } = this.#settings;
    const what = { action, interface: facts.interface };
    try {
      const families = this.#families.get(facts.ifindex) ?? [];
      const environment = hookEnvironment(action, facts, families);
      const reports = await this.#runner.run({ ...what, environment, timeout, user, folders: path });
      for (const report of reports) this.#logReport(report, what);
      // A run counts as interrupted only when the daemon was asked to stop.
      return !this.#stopping;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#log.error(`hooks of ${facts.interface} ${action} failed: ${why}`, what);
      return !this.#stopping;
    }
  }

  #logReport(report: HookReport, what: { action: string; interface: string }): void {
    const { path, outcome, reason, milliseconds } = report;
    const fields = { hook: path, ...what, milliseconds };
    if (outcome === 'done') this.#log.debug(`hook ${path} ran: ${what.interface} ${what.action}`, fields);
    else this.#log.warn(`hook ${path} (${what.interface} ${what.action}): ${reason}`, fields);
  }

  /** Writes the record once for all runs that begin or end at the same time, since it grows with their number. */
  #recorded(): Promise<void> {
    this.#writing ??= Promise.resolve().then(() => {
      this.#writing = null;
      this.#report();
    });
    return this.#writing;
  }

  #report(): void {
    const closing = [...this.#uplinks.closing, ...this.#links.closing];
    this.#onRecord({ uplinks: this.#uplinks.lastNotified, ...linkRecord(this.#links.lastNotified), closing });
  }

  #safe<Facts extends { readonly interface: string }>(
    current: ReadonlyMap<string, Facts>,
  ): ReadonlyMap<string, Facts> {
    const safe = new Map<string, Facts>();
    for (const [key, facts] of current) {
      if (isSafeName(facts.interface)) safe.set(key, facts);
      else if (!this.#unsafeNames.has(key)) {
        this.#unsafeNames.add(key);
        const name = JSON.stringify(facts.interface);
        this.#log.warn(
          `no hook runs for ${name}: its name has control characters or is not UTF-8; rename the link`,
        );
      }
    }
    return safe;
  }
}

function activeFamilies(current: ReadonlyMap<string, UplinkFacts>): Map<number, Family[]> {
  const families = new Map<number, Family[]>();
  for (const family of ['ipv4', 'ipv6'] as const)
    for (const { ifindex } of [...current.values()].filter((each) => each.family === family)) {
      const known = families.get(ifindex) ?? [];
      if (!known.includes(family)) families.set(ifindex, [...known, family]);
    }
  return families;
}
