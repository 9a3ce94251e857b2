/** The signals that the daemon handles, starting before its first pass. */
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
    // A second signal ends the process at once, by its default action.
    process.once('SIGINT', this.#end).once('SIGTERM', this.#end).on('SIGHUP', this.#hangUp);
  }

  /** Whether a signal asked the daemon to end. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Called at each SIGHUP, and at once if one came before. */
  onReload(reload: () => void): void {
    this.#reload = reload;
    if (this.#hungUp) reload();
  }

  /** Restores the default actions of the signals. */
  release(): void {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.removeListener(name, this.#end);
    process.removeListener('SIGHUP', this.#hangUp);
  }

  /** SIGHUP: the terminal was closed, or a reload is requested. */
  readonly #hangUp = (): void => {
    if (this.#terminal.length > 0) {
      leaveTerminal(this.#terminal);
      this.#end();
    } else if (this.#reload) this.#reload();
    else this.#hungUp = true;
  };
}
