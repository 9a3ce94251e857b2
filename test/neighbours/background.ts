/** Programs that run in the host's namespace beside the daemon, and their output. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Netns } from '../support/netns.ts';

export class Background {
  readonly #netns: Netns;
  readonly #children: ChildProcess[] = [];
  #log = '';

  constructor(netns: Netns) {
    this.#netns = netns;
  }

  get log(): string {
    return this.#log;
  }

  start(program: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}): void {
    const child = this.#netns.spawn(program, args, environment);
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => (this.#log += text));
    this.#children.push(child);
  }

  /** Runs the program with mounts of its own, which the script `text` makes first; `$0` and so on are `words`. */
  startMounted(text: string, words: readonly string[], environment: NodeJS.ProcessEnv = {}): void {
    this.start('unshare', ['--mount', 'sh', '-euc', text, ...words], environment);
  }

  /** Ends them in reverse order of their start. */
  async end(): Promise<void> {
    for (const child of this.#children.splice(0).reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
  }
}
