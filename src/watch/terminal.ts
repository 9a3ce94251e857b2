/** The user's terminal. It is restored at every end of the process except by SIGKILL. */
import type { ReadStream, WriteStream } from 'node:tty';
import { listenKeys, type Key } from './keyboard.ts';
import { difference, ENTER, LEAVE } from './screen.ts';

const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

export interface TerminalOptions {
  readonly input: ReadStream;
  readonly output: WriteStream;
  readonly onKey: (key: Key) => void;
  /** The size changed, or the process was continued after a stop, so the whole frame must be drawn again. */
  readonly onResize: () => void;
  /** The terminal was closed. */
  readonly onGone: () => void;
}

export class Terminal {
  readonly #options: TerminalOptions;
  #shown: readonly string[] | null = null;
  #entered = false;
  readonly #undo: (() => void)[] = [];

  constructor(options: TerminalOptions) {
    this.#options = options;
  }

  get size(): { readonly columns: number; readonly rows: number } {
    const { columns, rows } = this.#options.output;
    return { columns: columns || 80, rows: rows || 24 };
  }

  open(): void {
    const { input, output, onGone, onKey, onResize } = this.#options;
    for (const signal of ENDING) this.#on(process, signal, () => this.#die(signal));
    this.#on(process, 'SIGTSTP', () => this.suspend());
    this.#on(process, 'SIGCONT', () => {
      this.#enter();
      onResize();
    });
    // Must run before Node prints the exception, which would be lost on the alternate screen.
    this.#on(process, 'uncaughtExceptionMonitor', () => this.#leave());
    this.#on(process, 'exit', () => this.#leave());
    this.#on(output, 'error', onGone);
    this.#on(output, 'resize', () => {
      this.#shown = null;
      onResize();
    });
    if (input.isTTY) {
      this.#undo.push(listenKeys(input, onKey));
      this.#on(input, 'error', onGone);
      this.#on(input, 'end', onGone);
    }
    this.#enter();
  }

  close(): void {
    this.#leave();
    for (const undo of this.#undo.splice(0)) undo();
    const { input } = this.#options;
    // If the input is a file, Node has no handle that would keep the process alive.
    if (input.isTTY) input.pause().unref();
  }

  draw(lines: readonly string[]): void {
    if (!this.#entered) return;
    const text = difference(this.#shown, lines);
    this.#shown = lines;
    if (text !== '') this.#options.output.write(text);
  }

  /** Causes the next frame to be drawn completely. */
  forget(): void {
    this.#shown = null;
  }

  /** Handles Ctrl-Z: restores the terminal for the shell and stops the process. */
  suspend(): void {
    this.#leave();
    process.kill(process.pid, 'SIGSTOP');
  }

  #enter(): void {
    const { input, output } = this.#options;
    if (input.isTTY) {
      // The shell has set its own modes before it continued the process.
      input.setRawMode(false);
      input.setRawMode(true);
      input.resume();
    }
    this.#shown = null;
    this.#entered = true;
    output.write(ENTER);
  }

  #leave(): void {
    if (!this.#entered) return;
    this.#entered = false;
    const { input, output } = this.#options;
    // A terminal takes the output synchronously (tty(4)), so it is complete before the process ends.
    output.write(LEAVE);
    try {
      if (input.isTTY) input.setRawMode(false);
    } catch {
      // The terminal was closed, so there is nothing to restore.
    }
  }

  /** Ends the process with the signal itself, so that the parent process sees the cause. */
  #die(signal: NodeJS.Signals): void {
    this.close();
    process.kill(process.pid, signal);
  }

  #on<Listener extends (...args: never[]) => void>(
    from: { on(event: string, listener: Listener): unknown; off(event: string, listener: Listener): unknown },
    event: string,
    listener: Listener,
  ): void {
    from.on(event, listener);
    this.#undo.push(() => from.off(event, listener));
  }
}
