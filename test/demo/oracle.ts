/** The demo's network as iproute2 shows it, from outside of the demo's process. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import type { Fact } from '../../src/demo/fact.ts';
import { enter } from './performance.ts';

const run = promisify(execFile);

/** Counters that were read between two samples of the demo. */
export interface Reading {
  /** Index of the last sample before it was read. */
  readonly after: number;
  /** Index of the first sample after it was read. */
  readonly before: number;
  readonly received: Readonly<Record<string, number>>;
}

export interface Event {
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly text: string;
}

interface IpLink {
  readonly ifname: string;
  readonly stats64: { readonly rx: { readonly bytes: number } };
}

export class Oracle {
  readonly readings: Reading[] = [];
  readonly routes: Event[] = [];
  readonly subflows: Event[] = [];
  readonly #monitors: ChildProcess[] = [];
  readonly #pending: Promise<void>[] = [];
  #samples = 0;

  record(fact: Fact, inside: number): void {
    if (fact.kind === 'scene' && fact.name === 'ethernet') {
      this.#monitor(inside, ['monitor', 'route'], this.routes);
      this.#monitor(inside, ['mptcp', 'monitor'], this.subflows);
    }
    if (fact.kind !== 'sample') return;
    this.#samples++;
    // The demo may end before the last one is read.
    if (this.#samples % 4 === 0) this.#pending.push(this.#read(inside).catch(() => undefined));
  }

  async end(): Promise<void> {
    await Promise.all(this.#pending);
    for (const monitor of this.#monitors) monitor.kill();
  }

  async #read(inside: number): Promise<void> {
    const after = this.#samples - 1;
    const [program, ...rest] = [...enter(inside), 'ip', '-s', '-j', 'link', 'show'];
    const { stdout } = await run(program!, rest);
    const links = (JSON.parse(stdout) as IpLink[]).map(
      (link) => [link.ifname, link.stats64.rx.bytes] as const,
    );
    this.readings.push({ after, before: this.#samples, received: Object.fromEntries(links) });
  }

  /** `ip -ts` writes `[2026-01-31T21:59:33.123456] ` before each event, in local time. */
  #monitor(inside: number, what: readonly string[], into: Event[]): void {
    const [program, ...rest] = [...enter(inside), 'ip', '-ts', ...what];
    const child = spawn(program!, rest, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#monitors.push(child);
    createInterface(child.stdout).on('line', (line) => {
      const [, stamp, text] = /^\[(\S+)\]\s*(.*)$/.exec(line) ?? [];
      if (stamp && text) into.push({ time: Date.parse(`${stamp}Z`), text });
    });
  }
}
