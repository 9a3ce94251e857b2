/** The daemon's answers on its control socket. */
import { resolve } from 'node:path';
import { statusDocument, type CountersDocument } from '../control/document.ts';
import { RequestError } from '../control/request-error.ts';
import type { Verb } from '../control/server.ts';
import { explain } from '../messages/explain.ts';
import type { Requester } from '../netlink/connection.ts';
import { planWithEvidence } from '../plan/evidence.ts';
import { planUnder } from '../plan/obstacle.ts';
import type { LoadOptions } from '../rules/load.ts';
import type { HostProblems } from './host-problems.ts';
import type { Loop } from './loop.ts';
import { MisroutedPackets } from './misrouted-packets.ts';
import type { PassResult } from './parts.ts';
import type { PathWatch } from './path-watch.ts';
import type { Reloader } from './reloader.ts';

interface AnswerParts {
  readonly loop: Loop;
  readonly reloader: Reloader;
  readonly paths: PathWatch;
  readonly problems: HostProblems;
  readonly load: LoadOptions;
  readonly dryRun: boolean;
  /** NETLINK_ROUTE. */
  readonly route: Requester;
}

export class ControlAnswers {
  readonly #parts: AnswerParts;
  readonly #misrouted: MisroutedPackets;

  constructor(parts: AnswerParts) {
    this.#parts = parts;
    this.#misrouted = new MisroutedPackets(parts.route);
  }

  get verbs(): Readonly<Record<string, Verb>> {
    const { loop, reloader } = this.#parts;
    return {
      status: {
        change: false,
        answer: async () => {
          await this.#read();
          return this.#document(loop.counters.document);
        },
      },
      watch: {
        change: false,
        answer: () => {
          void loop.refresh();
          return this.status();
        },
        watch: true,
      },
      explain: {
        change: false,
        answer: async ({ interface: name }) => {
          await this.#read();
          return explain(String(name), { ...this.#view(), configuration: reloader.configuration });
        },
      },
      flush: { change: true, answer: () => reloader.flush() },
      reload: { change: true, answer: () => reloader.reload() },
    };
  }

  /**
   * The document for watchers. It has no counters, because it is sent at each change, and counters change at each pass.
   */
  readonly status = (): object => this.#document();

  /** Waits for a pass, then looks for misrouted packets. */
  async #read(): Promise<void> {
    const { loop } = this.#parts;
    await loop.refresh();
    if (loop.view) await this.#misrouted.read(loop.view);
  }

  /**
   * The last pass, with the present problems of the host and the evidence on uplinks.
   * @throws RequestError before the first pass
   */
  #view(): PassResult {
    const { loop, reloader, paths, problems } = this.#parts;
    if (!loop.view) throw new RequestError('starting', 'the daemon has not read the kernel yet');
    problems.check(reloader.configuration.limits);
    const evidence = { joins: paths.records, misrouted: this.#misrouted.found };
    return {
      ...loop.view,
      plan: planUnder(planWithEvidence(loop.view.plan, evidence), problems.obstacle),
    };
  }

  #document(counters?: CountersDocument): object {
    const { loop, reloader, problems, load, dryRun } = this.#parts;
    const view = this.#view();
    const daemon = {
      ...{ pid: process.pid, paused: view.state.paused !== null, dryRun, overruns: loop.counters.overruns },
      ...{ config: load.config === undefined ? null : resolve(load.config), ...(counters && { counters }) },
    };
    const wrong = [...reloader.problems, ...problems.check(reloader.configuration.limits)];
    return statusDocument(view, daemon, wrong);
  }
}
