/** `ip monitor`: the notifications of the kernel. */
import { once } from 'node:events';
import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Netns } from './netns.ts';

export class Monitor {
  readonly #netns: Netns;
  readonly #child: ChildProcess;
  #text = '';

  /** @param objects `mptcp`, or objects of `ip monitor` */
  constructor(netns: Netns, objects: readonly string[]) {
    this.#netns = netns;
    const args = objects[0] === 'mptcp' ? ['mptcp', 'monitor'] : ['monitor', 'label', ...objects];
    this.#child = netns.spawn('ip', ['-N', '-tshort', ...args]);
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.#text += text));
    this.#child.stderr?.resume();
  }

  /** Waits until the socket of `ip` is listed in /proc/net/netlink. */
  async listening(): Promise<void> {
    const { pid } = this.#child;
    for (let tries = 0; tries < 1_500; tries++) {
      const sockets = this.#netns
        .sh('cat /proc/net/netlink')
        .split('\n')
        .map((line) => line.trim().split(/\s+/));
      // Columns: sk Eth Pid Groups ...; generic netlink's groups are beyond the first 32.
      if (sockets.some(([, , port, groups]) => Number(port) === pid && Number(`0x${groups}`) !== 0)) return;
      await sleep(20);
    }
    throw new Error('ip monitor does not listen');
  }

  /** Returns all messages in order; continuation lines are joined to their message. */
  texts(): string[] {
    const messages: string[] = [];
    for (const line of this.#text.split('\n')) {
      const [, first] = /^\[[\d-]+T[\d:.]+\] ?(.*)$/.exec(line) ?? [];
      if (first !== undefined) messages.push(first);
      else if (line.trim() && messages.length > 0) messages.push(`${messages.pop()} ${line.trim()}`);
    }
    return messages;
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    this.#child.kill('SIGTERM');
    await once(this.#child, 'exit');
  }
}
