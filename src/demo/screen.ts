/** Output for people: lines and, on a terminal, a table below them that is redrawn. */
import type { WriteStream } from 'node:tty';
import { UplinkTable } from './uplink-table.ts';
import type { Fact, FigureFact, SceneFact } from './fact.ts';
import { mapLines } from './map.ts';
import { styleFor, time, type OutputStyle } from './style.ts';
import { summaryLines } from './summary.ts';
import { timelineLines } from './timeline.ts';

const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';
const CLEAR_BELOW = '\u001b[J';
const up = (lines: number): string => (lines > 0 ? `\u001b[${lines}A` : '');

/** Milliseconds between two lines of the table when it cannot be redrawn. */
const LINE_EVERY_MS = 1000;

export class Screen {
  readonly #out: NodeJS.WriteStream;
  readonly #style: OutputStyle;
  readonly #table: UplinkTable;
  readonly #live: boolean;
  readonly #scenes: SceneFact[] = [];
  readonly #figures: FigureFact[] = [];
  #drawn = 0;
  #lined = 0;
  #closed = false;

  constructor(out: NodeJS.WriteStream, environment: NodeJS.ProcessEnv) {
    this.#out = out;
    this.#live = out.isTTY && environment['TERM'] !== 'dumb';
    this.#style = styleFor(out, environment);
    this.#table = new UplinkTable(this.#style);
    const { colours } = this.#style;
    if (this.#live) out.write(HIDE_CURSOR);
    this.#add([
      `${colours.bold('multihomed demo')} ${colours.dim('in a private network; nothing on this host is changed')}`,
      '',
      ...mapLines(this.#style),
    ]);
  }

  show(fact: Fact): void {
    this.#table.take(fact);
    if (fact.kind === 'scene') this.#scenes.push(fact);
    if (fact.kind === 'figure') this.#figures.push(fact);
    const lines = timelineLines(fact, this.#style);
    if (fact.kind === 'end') {
      this.close();
      this.#out.write(`${summaryLines(fact, this.#scenes, this.#figures, this.#style).join('\n')}\n`);
      return;
    }
    if (fact.kind === 'sample' && !this.#live && fact.at - this.#lined >= LINE_EVERY_MS) {
      this.#lined = fact.at;
      lines.push(`${time(fact.at)}  ${'bytes'.padEnd(8)} ${this.#table.line()}`);
    }
    if (lines.length > 0 || fact.kind === 'sample') this.#add(lines);
  }

  /** The user has ended the demo. */
  interrupted(): void {
    if (this.#closed) return;
    this.close();
    this.#out.write('\nInterrupted. The private network is removed.\n');
  }

  /** Restores the terminal and leaves the table on it. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#live) this.#out.write(SHOW_CURSOR);
  }

  #add(lines: readonly string[]): void {
    if (this.#closed) return;
    const text = lines.map((line) => `${this.#cut(line)}\n`).join('');
    if (!this.#live) {
      this.#out.write(text);
      return;
    }
    const table = this.#table.lines(this.#width).map((line) => `${this.#cut(line)}\n`);
    this.#out.write(`${up(this.#drawn)}\r${CLEAR_BELOW}${text}${table.join('')}`);
    this.#drawn = table.length;
  }

  get #width(): number {
    return (this.#out as WriteStream).columns || 80;
  }

  /** Cuts a line at the terminal's edge, because a line that wraps would take more rows than are counted. */
  #cut(line: string): string {
    if (!this.#live) return line;
    const room = this.#width - 1;
    const { ellipsis } = this.#style;
    let at = 0;
    // Colours take no cell and are kept, because the last of them ends the others.
    // oxlint-disable-next-line no-control-regex -- colours are control characters
    return line.replace(/(\u001b\[[\d;]*m)|[^]/gu, (all, colour: string | undefined, offset: number) => {
      if (colour !== undefined || ++at < room) return all;
      return at > room ? '' : isLast(line, offset + all.length) ? all : ellipsis;
    });
  }
}

/** True when only colours follow. */
const isLast = (line: string, from: number): boolean =>
  // oxlint-disable-next-line no-control-regex -- colours are control characters
  /^(\u001b\[[\d;]*m)*$/.test(line.slice(from));
