/** A stand-in for a manager that deletes every policy rule of other programs, as networkd may. */
import { once } from 'node:events';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { expect } from 'vitest';
import type { Netns, Version } from '../support/netns.ts';

const VERSIONS: readonly Version[] = [4, 6];

export class Remover {
  readonly #netns: Netns;
  readonly #children: ChildProcess[] = [];
  /** How often a policy rule of multihomed was added, by version and priority. */
  readonly came = new Map<string, number>();

  constructor(netns: Netns) {
    this.#netns = netns;
  }

  /** It listens first, and then deletes the existing ones. */
  async start(): Promise<void> {
    for (const version of VERSIONS) this.#listen(version);
    const listens = (pid: number): boolean =>
      new RegExp(`^\\S+\\s+0\\s+${pid}\\s+\\S*[1-9a-f]`, 'm').test(this.#netns.sh('cat /proc/net/netlink'));
    for (const { pid } of this.#children) await expect.poll(() => listens(pid ?? 0)).toBe(true);
    for (const version of VERSIONS) this.#take(version);
  }

  #listen(version: Version): void {
    const child = this.#netns.spawn('ip', ['-N', `-${version}`, '-o', 'monitor', 'rule']);
    this.#children.push(child);
    child.stderr?.resume();
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const [, priority] = /^(\d+):.* proto 86\b/.exec(line) ?? [];
      if (priority === undefined) return;
      const key = `IPv${version} ${priority}`;
      this.came.set(key, (this.came.get(key) ?? 0) + 1);
      this.#take(version);
    });
  }

  #take(version: Version): void {
    this.#netns.ip(`-${version} rule flush protocol 86`);
  }

  async end(): Promise<void> {
    for (const child of this.#children.splice(0)) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
  }
}
