/** A table of the uplinks: state, recent traffic, rate and total, all from the kernel's link counters. */
import type { LinkCounters, Fact, SampleFact } from './fact.ts';
import { BYTES_PER_SECOND, PATHS } from './topology.ts';
import { megabytes, type OutputStyle } from './style.ts';

/** Samples per column of the chart. */
const COLUMN = 3;

interface Row {
  /** false before the uplink is plugged in for the first time; it then has no line. */
  seen: boolean;
  /** As in `status`; `unplugged` after the link is gone. */
  state: string;
  isBackup: boolean;
  /** Bytes per second in each column. */
  readonly columns: number[];
  counters: LinkCounters;
  /** Bytes per second since the last sample. */
  rate: number;
}

export class UplinkTable {
  readonly #style: OutputStyle;
  readonly #rows = new Map<string, Row>();
  #samples: SampleFact[] = [];
  #checked = 0;

  constructor(style: OutputStyle) {
    this.#style = style;
  }

  take(fact: Fact): void {
    if (fact.kind === 'uplink')
      Object.assign(this.#row(fact.interface), {
        state: fact.state,
        isBackup: fact.flags.includes('backup'),
      });
    if (fact.kind === 'link' && fact.state === 'gone')
      Object.assign(this.#row(fact.interface), { state: 'unplugged', isBackup: false });
    if (fact.kind === 'sample') this.#sample(fact);
  }

  #row(name: string): Row {
    const row = this.#rows.get(name) ?? {
      seen: false,
      state: '',
      isBackup: false,
      columns: [],
      counters: { received: 0, sent: 0 },
      rate: 0,
    };
    this.#rows.set(name, row);
    return row;
  }

  #sample(fact: SampleFact): void {
    const before = this.#samples.at(-1);
    this.#checked = fact.checked;
    for (const [name, counters] of Object.entries(fact.links))
      Object.assign(this.#row(name), { counters, seen: true });
    for (const [name, row] of this.#rows) row.rate = before ? rateOf(name, before, fact) : 0;
    this.#samples.push(fact);
    if (this.#samples.length <= COLUMN) return;
    for (const { interface: name } of PATHS)
      this.#row(name).columns.push(rateOf(name, this.#samples[0]!, fact));
    this.#samples = [fact];
  }

  /** Returns the lines for a terminal with `width` columns. */
  lines(width: number): string[] {
    const { colours, wires } = this.#style;
    const room = Math.max(8, Math.min(width, 100) - 50);
    const lines = [colours.dim(wires.horizontal.repeat(Math.min(width, 100) - 1))];
    for (const { interface: name } of PATHS) {
      const row = this.#rows.get(name);
      if (!row?.seen) continue;
      const state = `${row.state}${row.isBackup ? ' backup' : ''}`.slice(0, 17).padEnd(17);
      const spark = row.columns
        .slice(-room)
        .map((rate) => this.#level(rate))
        .join('');
      const figures = `${mbit(row.rate).padStart(5)} Mbit/s ${megabytes(row.counters.received).padStart(8)}`;
      lines.push(
        ` ${colours.bold(name.padEnd(6))} ${paintState(row.state, colours)(state)} ${paintOf(name, colours)(spark.padEnd(room))} ${figures}`,
      );
    }
    lines.push(
      colours.dim(` ${megabytes(this.#checked)} received and checked (sequence numbers, checksums)`),
    );
    return lines;
  }

  /** Returns a single line, for output that is no terminal. */
  line(): string {
    const cells = PATHS.filter(({ interface: name }) => this.#rows.get(name)?.seen).map(
      ({ interface: name }) => {
        const rate = this.#rows.get(name)?.rate ?? 0;
        const bar = this.#style.bar.repeat(Math.round((rate / BYTES_PER_SECOND) * 16));
        return `${name} ${bar.padEnd(17)}${mbit(rate).padStart(5)} Mbit/s`;
      },
    );
    return cells.join('   ').trimEnd();
  }

  #level(rate: number): string {
    const { levels } = this.#style;
    const level = Math.round((rate / BYTES_PER_SECOND) * levels.length) - 1;
    return rate < BYTES_PER_SECOND / 200 ? ' ' : levels[Math.max(0, Math.min(levels.length - 1, level))]!;
  }
}

function rateOf(name: string, before: SampleFact, after: SampleFact): number {
  const received = (after.links[name]?.received ?? 0) - (before.links[name]?.received ?? 0);
  return (Math.max(0, received) * 1000) / Math.max(1, after.at - before.at);
}

const mbit = (rate: number): string => ((rate * 8) / 1e6).toFixed(1);

export const paintOf = (name: string, colours: OutputStyle['colours']): ((text: string) => string) =>
  name === PATHS[0]?.interface ? colours.cyan : colours.magenta;

const paintState = (state: string, colours: OutputStyle['colours']): ((text: string) => string) =>
  state === 'active' ? colours.green : colours.yellow;
