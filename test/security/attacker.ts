/** A user without any privilege on the host: a process of user 65534 without capabilities, in the host's network. */
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { ChildProcess } from 'node:child_process';
import { expect } from 'vitest';
import { test as inLab, type Lab } from '../support/lab.ts';
import { isWholeRoot } from '../hooks/scripts.ts';

export const NOBODY = 65534;

export interface AttackerOptions {
  readonly uid?: number;
  /** The command that runs the program: `unshare ...`. */
  readonly within?: readonly string[];
  readonly args?: readonly string[];
}

export class Attacker {
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  #errors = '';
  #ended = false;
  readonly #over: Promise<unknown>;

  /** `script`: Python, which can call what a C program can; it prints a line for each result. */
  constructor(lab: Lab, script: string, { uid = NOBODY, within = [], args = [] }: AttackerOptions = {}) {
    const become = [
      `--reuid=${uid}`,
      `--regid=${uid}`,
      '--clear-groups',
      '--bounding-set=-all',
      '--inh-caps=-all',
    ];
    this.#child = lab.host.spawn('setpriv', [...become, ...within, 'python3', '-c', script, ...args]);
    createInterface(this.#child.stdout!).on('line', (line) => this.#lines.push(line));
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#errors += text));
    this.#over = once(this.#child, 'close').then(() => (this.#ended = true));
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  /**
   * Waits for a line that begins with this text.
   * @returns the rest of it
   */
  async says(begin: string): Promise<string> {
    const find = (): string | undefined => this.#lines.find((line) => line.startsWith(begin));
    await expect
      .poll(
        () => {
          if (this.#ended && find() === undefined) throw new Error(`ended: ${this.#errors}`);
          return find();
        },
        { timeout: 60_000 },
      )
      .toBeDefined();
    return find()!.slice(begin.length).trim();
  }

  /**
   * Waits until it exits by itself.
   * @returns its output
   */
  async done(): Promise<readonly string[]> {
    this.#child.stdin?.end();
    await this.#over;
    expect(this.#errors).toBe('');
    return this.#lines;
  }

  async end(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#over;
  }
}

interface Attack {
  (script: string, options?: AttackerOptions): Attacker;
}

/** A lab with attackers, which end with the test. */
export const test = inLab.extend<{ attack: Attack }>({
  attack: async ({ lab, task, skip }, use) => {
    if (!isWholeRoot()) {
      const why = 'only root over other users can become one of them';
      Object.assign(task.meta, { why });
      skip(why);
    }
    const attackers: Attacker[] = [];
    await use((script, options) => {
      const attacker = new Attacker(lab, script, options);
      attackers.push(attacker);
      return attacker;
    });
    for (const attacker of attackers) await attacker.end();
  },
});

/** The path of the control socket of the lab's daemon. */
export const socketOf = (lab: Lab): string => lab.host.journal().replace(/journal\.json$/, 'control');

/** An address that is removed and added removes and adds its endpoint; another uplink must be active. */
export async function reacts(lab: Lab, cable: ReturnType<Lab['cable']>): Promise<void> {
  const endpoint = (): boolean => lab.host.endpoints().some(({ address }) => address === cable.address());
  for (let times = 0; times < 3; times++) {
    cable.deleteAddress();
    await expect.poll(endpoint).toBe(false);
    cable.addAddress().addDefault();
    await expect.poll(endpoint).toBe(true);
  }
}
