/** Random policy rules and routes, as lines for `ip -batch`. */
import { Prng } from '../model/prng.ts';
import type { Version } from '../support/netns.ts';

export const LINKS = [1, 2, 3] as const;
/** Interface group of the last link. */
export const GROUP = 5;
const TABLES = ['100', '101', '102', 'main', 'default'] as const;
const PRIORITIES = [1, 5, 100, 100, 500, 8679, 8690, 20_000, 32_764, 32_765, 32_766, 32_767, 40_000];

export const addressOf = (version: Version, link: number, which = 0): string =>
  version === 4 ? `10.${link}.0.${2 + which}` : `2400:${link}::${2 + which}`;
const gatewayOf = (version: Version, link: number): string =>
  version === 4 ? `10.${link}.0.1` : `2400:${link}::1`;

export const destinations = (version: Version): readonly string[] =>
  version === 4
    ? ['198.51.100.1', '192.0.2.1', '10.200.0.1', '203.0.113.9']
    : ['2600::1', '2001:db8::1', '2a00:200::1', '4000::9'];
const prefixes = (version: Version): readonly string[] =>
  version === 4
    ? ['0.0.0.0/1', '128.0.0.0/1', '192.0.2.0/24', '198.0.0.0/8', '10.200.0.0/16', '203.0.113.9/32']
    : ['::/1', '8000::/1', '2001:db8::/32', '2600::/16', '2a00:200::/32', '4000::9/128'];
const sources = (version: Version): readonly string[] =>
  version === 4
    ? ['10.1.0.2', '10.1.0.0/24', '10.1.0.3', '10.2.0.0/16', '10.0.0.0/8', '10.3.0.2', '172.16.0.0/12']
    : ['2400:1::2', '2400:1::/64', '2400:1::3', '2400:2::/32', '2400::/12', '2400:3::2', '2500::/16'];

export class RuleSets {
  readonly #random: Prng;
  readonly #version: Version;

  constructor(version: Version, seed: number) {
    this.#version = version;
    this.#random = new Prng(seed);
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#random.below(from.length)]!;
  }

  /** Returns true once in `of` calls on average. */
  #one(of: number): boolean {
    return this.#random.below(of) === 0;
  }

  /**
   * Replaces all routes of these tables. No two of one table and destination have the same metric, because it is not
   * defined which of them is used.
   */
  routes(): string[] {
    const lines = TABLES.map((table) => `route flush table ${table} proto static`);
    for (const table of TABLES) {
      const count = this.#random.below(5);
      for (let at = 0; at < count; at++) lines.push(this.#route(table, 10 * at + 5));
    }
    return lines;
  }

  #route(table: string, metric: number): string {
    const version = this.#version;
    const place = this.#one(3) ? this.#pick(prefixes(version)) : 'default';
    const tail = `table ${table} metric ${metric} proto static`;
    if (this.#one(6))
      return `route add ${this.#pick(['unreachable', 'blackhole', 'prohibit', 'throw'])} ${place} ${tail}`;
    const link = this.#pick(LINKS);
    const via = this.#one(4) ? '' : `via ${gatewayOf(version, link)} `;
    const from = version === 6 && this.#one(4) ? `from ${this.#pick(sources(6))} ` : '';
    return `route add ${place} ${from}${via}dev u${link} ${tail}`;
  }

  /** Replaces all rules except those of priority 0. */
  rules(): string[] {
    const lines = ['rule flush'];
    const count = 1 + this.#random.below(6);
    for (let at = 0; at < count; at++) lines.push(this.#rule());
    if (!this.#one(5)) lines.push('rule add lookup main priority 32766');
    if (!this.#one(5)) lines.push('rule add lookup default priority 32767');
    return lines;
  }

  #rule(): string {
    const version = this.#version;
    const priority = this.#pick(PRIORITIES);
    const words = [
      ...(this.#one(7) ? ['not'] : []),
      ...(this.#one(4) ? [] : [`from ${this.#pick(sources(version))}`]),
      ...(this.#one(5) ? [`to ${this.#pick(prefixes(version))}`] : []),
      ...(this.#one(8) ? [`fwmark ${this.#pick(['0x1', '0x10/0xf0', '0x0/0xff', '0x100/0xff'])}`] : []),
      ...(this.#one(8) ? [`iif ${this.#pick(['lo', 'lo', 'u1', 'gone0'])}`] : []),
      ...(this.#one(10) ? [`oif ${this.#pick(['u1', 'gone0'])}`] : []),
      ...(this.#one(8) ? [`uidrange ${this.#pick(['0-0', '0-999', '1000-2000'])}`] : []),
      ...(this.#one(12)
        ? [this.#pick(['ipproto tcp', 'ipproto tcp dport 443', 'sport 1-1024', 'tos 0x10'])]
        : []),
    ];
    return `rule add ${[...words, this.#action(priority)].join(' ')} priority ${priority}`;
  }

  #action(priority: number): string {
    switch (this.#random.below(9)) {
      case 0:
        return `goto ${this.#pick(PRIORITIES.filter((each) => each > priority).concat(50_000))}`;
      case 1:
        return this.#pick(['nop', 'unreachable', 'blackhole', 'prohibit']);
      case 2:
        return `lookup ${this.#pick(TABLES)} suppress_prefixlength ${this.#pick([0, 1, 8, 32])}`;
      case 3:
        return `lookup ${this.#pick(TABLES)} suppress_ifgroup ${this.#pick([0, GROUP])}`;
      default:
        return `lookup ${this.#pick([...TABLES, '199'])}`;
    }
  }
}
