import { StringDecoder } from 'node:string_decoder';
import { printableLines } from '../system/printable.ts';

/** Bytes of one hook's output, both streams together, that reach the log. */
export const OUTPUT_MOST = 64 * 1024;

/** Characters of one line; what is longer goes on in the next. */
const LINE_MOST = 2048;

/** What the streams of one hook may still write to the log. */
export class OutputBudget {
  #left = OUTPUT_MOST;
  #dropped = false;
  readonly #write: (line: string) => void;

  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  /** One of the hook's streams; each keeps its own unfinished line. */
  stream(): OutputLines {
    return new OutputLines(this);
  }

  /** The part of `chunk` that is still paid for. */
  take(chunk: Buffer): Buffer {
    const taken = chunk.subarray(0, this.#left);
    this.#left -= taken.length;
    this.#dropped ||= taken.length < chunk.length;
    return taken;
  }

  line(text: string): void {
    this.#write(printableLines(text));
  }

  /** Call it when all lines are out. */
  close(): void {
    if (this.#dropped) this.#write(`(all after the first ${OUTPUT_MOST / 1024} KiB of output is left out)`);
  }
}

/** Cuts one stream's bytes into lines. Holds no more than one line, whatever comes. */
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
    if (this.#rest.length >= LINE_MOST) this.#flush();
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
    for (let at = 0; at === 0 || at < text.length; at += LINE_MOST) {
      this.#budget.line(text.slice(at, at + LINE_MOST));
    }
  }
}
