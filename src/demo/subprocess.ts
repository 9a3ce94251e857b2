/** Child processes of the laptop, and the lines that they print. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { ScenarioError } from './event-log.ts';

/** Milliseconds; long, because a busy machine is slow. */
const PATIENCE_MS = 30_000;

export class Subprocess {
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  readonly #name: string;
  #heard: () => void = () => undefined;

  private constructor(name: string, child: ChildProcess, stream: Readable) {
    this.#name = name;
    this.#child = child;
    child.once('exit', (code, signal) => {
      this.#lines.push(`it ended by itself (${signal ?? code})`);
      this.#heard();
    });
    child.stdin?.on('error', () => undefined);
    createInterface(stream).on('line', (line) => {
      this.#lines.push(line);
      this.#heard();
    });
  }

  /** Starts the server in a network namespace of its own. */
  static async internet(main: string): Promise<Subprocess> {
    const program = [process.execPath, main, 'demo', '--as', 'internet'];
    const child = spawn('unshare', ['--net', '--', ...program], { stdio: ['pipe', 'pipe', 'inherit'] });
    const subprocess = new Subprocess('the server', child, child.stdout);
    await subprocess.hear('ready');
    return subprocess;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  say(word: string): void {
    this.#child.stdin?.write(`${word}\n`);
  }

  /** Returns the rest of the next line that begins with `word`. @throws StoryError */
  async hear(word: string): Promise<string> {
    const until = performance.now() + PATIENCE_MS;
    for (;;) {
      const line = this.#lines.shift();
      if (line?.startsWith(word)) return line.slice(word.length).trim();
      if (line?.startsWith('it ended')) throw new ScenarioError(`${this.#name}: ${line}`);
      if (line !== undefined) continue;
      const left = until - performance.now();
      if (left <= 0)
        throw new ScenarioError(`${this.#name} did not say "${word}" within ${PATIENCE_MS / 1000} s`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#heard = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}
