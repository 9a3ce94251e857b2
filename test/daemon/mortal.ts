/** A daemon on the real kernel that dies before or after its Nth change, as SIGKILL would have it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Journal } from '../../src/actions/journal.ts';
import type { KernelConnections } from '../../src/daemon/kernel.ts';
import { Loop } from '../../src/daemon/loop.ts';
import { HookDispatcher, nobodyTold } from '../../src/hooks/dispatcher.ts';
import type { Request, Requester } from '../../src/netlink/connection.ts';
import type { Message } from '../../src/netlink/message.ts';
import { questions } from '../../src/plan/select.ts';
import type { Configuration } from '../../src/rules/rule.ts';
import { SnapshotReader } from '../../src/snapshot/reader.ts';
import { ALL_PARTS } from '../../src/snapshot/snapshot.ts';
import { systemClock } from '../../src/system/clock.ts';

/** RTM_NEWROUTE, DELROUTE, NEWRULE, DELRULE. */
const ROUTING = new Set([24, 25, 32, 33]);
/** ADD_ADDR, DEL_ADDR, SET_LIMITS, SET_FLAGS. */
const PATH_MANAGER = new Set([1, 2, 5, 7]);
const never = <T>(): Promise<T> => new Promise(() => undefined);
const quiet = (): void => undefined;

export interface Death {
  /** Changes that are left to it. */
  readonly after: number;
  /** The next change reaches the kernel, and the answer reaches nobody. */
  readonly done: boolean;
}

class Line implements Requester {
  readonly #kernel: Requester;
  readonly #generic: boolean;
  readonly #fate: Life;

  constructor(kernel: Requester, generic: boolean, fate: Life) {
    this.#kernel = kernel;
    this.#generic = generic;
    this.#fate = fate;
  }

  async request(request: Request): Promise<Message[]> {
    const changes = this.#generic
      ? PATH_MANAGER.has(request.payload.readUInt8(0))
      : ROUTING.has(request.type);
    const last = changes && this.#fate.changes++ === this.#fate.death?.after;
    if (this.#fate.dead) return never();
    if (last) this.#fate.dead = true;
    if (last && !this.#fate.death!.done) return this.#fate.end();
    const answer = await this.#kernel.request(request).catch((error: unknown) => error as Error);
    if (this.#fate.dead) return this.#fate.end();
    if (answer instanceof Error) throw answer;
    return answer;
  }

  async dump(request: Request): Promise<Message[]> {
    const answer = await this.#kernel.dump(request);
    return this.#fate.dead ? never() : answer;
  }
}

class Life {
  changes = 0;
  dead = false;
  readonly death: Death | null;
  readonly buried: Promise<'dead'>;
  #bury: (state: 'dead') => void = quiet;

  constructor(death: Death | null) {
    this.death = death;
    this.buried = new Promise((resolve) => (this.#bury = resolve));
  }

  end(): Promise<never> {
    this.#bury('dead');
    return never();
  }
}

export class Mortal {
  readonly #folder = mkdtempSync(join(tmpdir(), 'multihomed-mortal-'));
  readonly #kernel: KernelConnections;
  readonly warnings: string[] = [];
  configuration: Configuration;
  deaths = 0;
  /** Of all lives. */
  changes = 0;
  #life = new Life(null);
  #loop: Loop;

  constructor(kernel: KernelConnections, configuration: Configuration, death: Death | null) {
    this.#kernel = kernel;
    this.configuration = configuration;
    this.#loop = this.#start(death);
  }

  #start(death: Death | null): Loop {
    const life = new Life(death);
    this.#life = life;
    const { mptcp, namespace } = this.#kernel;
    const kernel = {
      route: new Line(this.#kernel.route, false, life),
      generic: new Line(this.#kernel.generic, true, life),
      mptcp,
      namespace,
      close: quiet,
    };
    const reader = new SnapshotReader({
      ...kernel,
      sysfs: '/nonexistent',
      questions: (base) => questions(base, this.configuration.rules),
    });
    const warn = (text: string): void => void this.warnings.push(text);
    const log = { debug: quiet, info: quiet, warn, error: warn };
    const hooks = new HookDispatcher({
      runner: { run: async () => [], stop: async () => undefined },
      settings: this.configuration.hooks,
      log,
      told: nobodyTold,
      onTold: quiet,
    });
    const journal = new Journal(`${this.#folder}/journal`, { boot: 'boot', namespace });
    const parts = { kernel, reader, clock: systemClock, log, journal, hooks, dryRun: false };
    const memory = { ...journal.read().memory, limitMax: 8 };
    return new Loop({ ...parts, memory, told: nobodyTold, onPass: quiet }, this.configuration);
  }

  /** What has changed is looked at, by its successors if it dies. `next`: when that one is to die. */
  async settle(
    act: (loop: Loop) => void = (loop) => loop.wake(ALL_PARTS),
    next: Death | null = null,
  ): Promise<void> {
    act(this.#loop);
    while (
      (await Promise.race([this.#loop.settled().then(() => 'alive' as const), this.#life.buried])) === 'dead'
    ) {
      this.changes += this.#life.changes;
      this.deaths++;
      this.#loop = this.#start(next);
      act(this.#loop);
    }
  }

  async end(): Promise<number> {
    await this.#loop.stop();
    rmSync(this.#folder, { recursive: true, force: true });
    return this.changes + this.#life.changes;
  }

  /** The next of its changes, or a later one, is its last. */
  async die(death: Death): Promise<void> {
    await this.#loop.stop();
    this.changes += this.#life.changes;
    this.#loop = this.#start(death);
  }
}
