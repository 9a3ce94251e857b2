/** Splits the output of hooks into lines for the log, and limits its size. */
import { StringDecoder } from 'node:string_decoder';
import { printableLines } from '../system/printable.ts';

/** Maximum bytes of one hook's output that are logged, both streams together. */
export const MAX_OUTPUT = 64 * 1024;

/** Maximum characters of one line; the rest continues on the next line. */
const MAX_LINE = 2048;

/** The number of bytes that the streams of one hook may still write to the log. */
export class OutputBudget {
  #left = MAX_OUTPUT;
  #dropped = false;
  readonly #write: (line: string) => void;

  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  /** Returns a writer for one of the hook's streams; each keeps its own unfinished line. */
  stream(): OutputLines {
    return new OutputLines(this);
  }

  /** Returns the part of `chunk` that fits into the budget. */
  take(chunk: Buffer): Buffer {
    const taken = chunk.subarray(0, this.#left);
    this.#left -= taken.length;
    this.#dropped ||= taken.length < chunk.length;
    return taken;
  }

  line(text: string): void {
    this.#write(printableLines(text));
  }

  /** Must be called after the last line. */
  close(): void {
    if (this.#dropped) this.#write(`(output after the first ${MAX_OUTPUT / 1024} KiB is not logged)`);
  }
}

/** Splits the bytes of one stream into lines. Between chunks it keeps at most one unfinished line. */
export class OutputLines {
  readonly #budget: OutputBudget;
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';

  constructor(budget: OutputBudget) {
    this.#budget = budget;
  }

  write(chunk: Buffer): void {
    const lines = (this.#rest + this.#decoder.write(this.#budget.take(chunk))).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#emit(line);
    if (this.#rest.length >= MAX_LINE) this.#flush();
  }

  end(): void {
    this.#rest += this.#decoder.end();
    this.#flush();
  }

  #flush(): void {
    if (this.#rest !== '') this.#emit(this.#rest);
    this.#rest = '';
  }

  #emit(line: string): void {
    const text = line.endsWith('\r') ? line.slice(0, -1) : line;
    for (let at = 0; at === 0 || at < text.length; at += MAX_LINE) {
      this.#budget.line(text.slice(at, at + MAX_LINE));
    }
  }
}
