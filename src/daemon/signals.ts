/** Signals that the daemon heeds, from before its first look at the kernel on. */
import { leaveTerminal, terminals } from '../system/terminal.ts';

export class Signals {
  readonly ended: Promise<void>;
  readonly #terminal = terminals();
  #hasEnded = false;
  #end!: () => void;
  #reload: (() => void) | null = null;
  #hungUp = false;

  constructor() {
    this.ended = new Promise((resolve) => {
      this.#end = () => {
        this.#hasEnded = true;
        resolve();
      };
    });
    // Asked a second time, it ends as the kernel has it.
    process.once('SIGINT', this.#end).once('SIGTERM', this.#end).on('SIGHUP', this.#hangUp);
  }

  /** It was asked to end. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** At each SIGHUP, and at once for those that came before. */
  onReload(reload: () => void): void {
    this.#reload = reload;
    if (this.#hungUp) reload();
  }

  release(): void {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.removeListener(name, this.#end);
    process.removeListener('SIGHUP', this.#hangUp);
  }

  /** The terminal went, or somebody wants a reload. */
  readonly #hangUp = (): void => {
    if (this.#terminal.length > 0) {
      leaveTerminal(this.#terminal);
      this.#end();
    } else if (this.#reload) this.#reload();
    else this.#hungUp = true;
  };
}
