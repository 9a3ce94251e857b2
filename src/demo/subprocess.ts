/** Child processes of the laptop, and the lines that they print. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { ScenarioError } from './event-log.ts';

/** Milliseconds; long, because a busy machine is slow. */
const TIMEOUT_MS = 30_000;

export class Subprocess {
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  readonly #name: string;
  /** The signal or exit status with which it ended; null while it runs. */
  #exit: string | number | null = null;
  #onProgress: () => void = () => undefined;

  private constructor(name: string, child: ChildProcess, stream: Readable) {
    this.#name = name;
    this.#child = child;
    child.once('exit', (code, signal) => {
      this.#exit = signal ?? code;
      this.#onProgress();
    });
    child.stdin?.on('error', () => undefined);
    createInterface(stream).on('line', (line) => {
      this.#lines.push(line);
      this.#onProgress();
    });
  }

  /** Starts the server in a network namespace of its own. */
  static async internet(main: string): Promise<Subprocess> {
    const program = [process.execPath, main, 'demo', '--as', 'internet'];
    const child = spawn('unshare', ['--net', '--', ...program], { stdio: ['pipe', 'pipe', 'inherit'] });
    const subprocess = new Subprocess('the server', child, child.stdout);
    await subprocess.receive('ready');
    return subprocess;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  send(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** Returns the second word of the next line whose first word is `word`; empty for none. @throws ScenarioError */
  async receive(word: string): Promise<string> {
    const until = performance.now() + TIMEOUT_MS;
    for (;;) {
      const line = this.#lines.shift();
      const [first, second = ''] = line?.split(' ') ?? [];
      if (first === word) return second;
      if (line !== undefined) continue;
      if (this.#exit !== null) throw new ScenarioError(`${this.#name} ended by itself (${this.#exit})`);
      const left = until - performance.now();
      if (left <= 0)
        throw new ScenarioError(`${this.#name} did not send "${word}" within ${TIMEOUT_MS / 1000} s`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#onProgress = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}
