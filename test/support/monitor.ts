/** `ip monitor`: what the kernel tells everybody, with its time. */
import { once } from 'node:events';
import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Netns } from './netns.ts';

export interface Heard {
  /** Milliseconds, to the microsecond; of use beside others alone. */
  readonly at: number;
  readonly text: string;
}

export class Monitor {
  readonly #netns: Netns;
  readonly #child: ChildProcess;
  #text = '';

  /** `mptcp`, or objects of `ip monitor`. */
  constructor(netns: Netns, objects: readonly string[]) {
    this.#netns = netns;
    const args = objects[0] === 'mptcp' ? ['mptcp', 'monitor'] : ['monitor', 'label', ...objects];
    this.#child = netns.spawn('ip', ['-N', '-tshort', ...args]);
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.#text += text));
    this.#child.stderr?.resume();
  }

  /** Until the socket of `ip` stands in /proc/net/netlink. */
  async listening(): Promise<void> {
    const { pid } = this.#child;
    for (let tries = 0; tries < 250; tries++) {
      const sockets = this.#netns
        .sh('cat /proc/net/netlink')
        .split('\n')
        .map((line) => line.trim().split(/\s+/));
      // sk Eth Pid Groups ...; generic netlink's groups stand beyond the first 32.
      if (sockets.some(([, , port, groups]) => Number(port) === pid && Number(`0x${groups}`) !== 0)) return;
      await sleep(20);
    }
    throw new Error('ip monitor does not listen');
  }

  /** Every message in its order; continuation lines are joined to it. */
  heard(): Heard[] {
    const messages: { at: number; text: string }[] = [];
    for (const line of this.#text.split('\n')) {
      const [, time, rest] = /^\[([\d-]+T[\d:.]+)\] ?(.*)$/.exec(line) ?? [];
      if (time)
        messages.push({
          at: Date.parse(`${time.slice(0, 19)}Z`) + Number(time.slice(19)) * 1000,
          text: rest ?? '',
        });
      else if (line.trim() && messages.length > 0) messages.at(-1)!.text += ` ${line.trim()}`;
    }
    return messages;
  }

  texts(): string[] {
    return this.heard().map(({ text }) => text);
  }

  /** What is heard from now on. */
  forget(): void {
    this.#text = '';
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    this.#child.kill('SIGTERM');
    await once(this.#child, 'exit');
  }
}
