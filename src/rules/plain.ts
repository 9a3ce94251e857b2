/** Converts YAML nodes to plain values for the schema, and finds the node for a path in such a value. */
import { isAlias, isMap, isNode, isPair, isScalar, isSeq } from 'yaml';
import type { Node, YAMLMap } from 'yaml';
import { quote } from './problem.ts';
import type { ConfigurationProblem } from './problem.ts';
import { keyText, unquotedText } from './yaml.ts';
import type { YamlTree } from './yaml.ts';

/** Aliases of aliases multiply values. No real configuration has this many. */
const MAX_VALUES = 10_000;

const MAX_DEPTH = 32;

export interface YamlEntry {
  readonly key: string;
  readonly keyNode: Node;
  readonly value: Node | null;
}

/** Reads one document from top to bottom and collects the problems that a schema cannot see. */
export class PlainReader {
  readonly problems: ConfigurationProblem[] = [];
  readonly #tree: YamlTree;
  readonly #anchors = new Map<string, Node>();
  readonly #targets = new Map<Node, Node>();
  #values = 0;

  constructor(tree: YamlTree) {
    this.#tree = tree;
  }

  /** Reports a problem at a node; null: at the beginning of the document. `hint`: the nearest valid word. */
  problem(node: Node | null, found: string, expected: string, hint: string | null = null): void {
    this.problems.push({ ...this.#tree.at(node), found, expected, hint });
  }

  /** True after MAX_VALUES values, when no further value can be read; that has been reported already. */
  get isSpent(): boolean {
    return this.#values >= MAX_VALUES;
  }

  /** Returns the node that an alias refers to, or the node itself if it is no alias; null when there is none. */
  resolve(node: unknown, place: 'glob' | 'other' = 'other'): Node | null {
    if (!isNode(node)) return null;
    const known = this.#targets.get(node);
    if (known !== undefined) return known;
    if (node.tag !== undefined) {
      this.problem(
        node,
        `the tag ${quote(node.tag.replace('tag:yaml.org,2002:', '!!'))}`,
        'a value without a tag',
      );
      delete node.tag;
    }
    if (!isAlias(node)) {
      if (node.anchor !== undefined) this.#anchors.set(node.anchor, node);
      return node;
    }
    const target = this.#anchors.get(node.source);
    if (target === undefined && place === 'glob') {
      this.problems.push({
        ...this.#tree.at(node),
        found: unquotedText(`*${node.source}`),
        expected: null,
        hint: null,
      });
      return null;
    }
    if (target === undefined) {
      this.problem(node, `the unknown alias ${quote(`*${node.source}`)}`, 'an anchor of that name above it');
      return null;
    }
    this.#targets.set(node, target);
    return target;
  }

  /** Returns the entries of a map in their order. A key that occurs twice is reported. */
  entries(map: YAMLMap<unknown, unknown>, kind: string): YamlEntry[] {
    const seen = new Map<string, Node>();
    const entries: YamlEntry[] = [];
    for (const pair of map.items) {
      const before = this.problems.length;
      const keyNode = this.resolve(pair.key, kind === 'glob' ? 'glob' : 'other');
      const key = keyText(keyNode);
      const value = isNode(pair.value) ? pair.value : null;
      if (keyNode === null && this.problems.length > before) continue;
      if (key === null || keyNode === null) {
        this.problem(keyNode ?? value ?? map, `something that is not a ${kind}`, `a ${kind}`);
        continue;
      }
      const first = seen.get(key);
      if (first === undefined) {
        seen.set(key, keyNode);
        entries.push({ key, keyNode, value });
      } else {
        const { line } = this.#tree.at(first);
        this.problem(
          keyNode,
          `the ${kind} ${quote(key)} a second time, after line ${line}`,
          `each ${kind} once`,
        );
      }
    }
    return entries;
  }

  /** Returns the value in JavaScript's own types; maps have no prototype. */
  plain(node: Node | null, depth = 0): unknown {
    const real = this.resolve(node);
    if (++this.#values === MAX_VALUES)
      this.problem(node, 'too many values', `at most ${MAX_VALUES}, aliases counted`);
    if (this.#values >= MAX_VALUES) return null;
    if (depth > MAX_DEPTH) {
      this.problem(
        node,
        'lists or maps nested too deeply, or an alias inside of its own anchor',
        'a plain value',
      );
      this.#values = MAX_VALUES;
      return null;
    }
    if (isScalar(real)) return real.value;
    if (isSeq(real)) {
      return real.items.map((item) => this.plain(isNode(item) ? item : null, depth + 1));
    }
    if (!isMap(real)) return null;
    const values = Object.create(null) as Record<string, unknown>;
    for (const { key, value } of this.entries(real, 'key')) values[key] = this.plain(value, depth + 1);
    return values;
  }

  /**
   * Returns the node at a path of keys and indices below `node`, or the last one that exists on the way. An alias at
   * the end of the path is returned itself, because the mistake is at the alias and not at its anchor.
   */
  locate(node: Node | null, path: readonly PropertyKey[]): Node | null {
    const real = this.resolve(node);
    const [step, ...rest] = path;
    if (step === undefined || real === null) return node;
    if (isSeq(real)) {
      const item = real.items[Number(step)];
      return isNode(item) ? this.locate(item, rest) : real;
    }
    if (!isMap(real)) return real;
    const pair = real.items.find((each) => isPair(each) && keyText(this.resolve(each.key)) === step);
    return isNode(pair?.value) ? this.locate(pair.value, rest) : (this.keyNode(real, String(step)) ?? real);
  }

  /** Returns the node of the key, not of its value. */
  keyNode(node: Node | null, key: string): Node | null {
    const real = this.resolve(node);
    if (!isMap(real)) return null;
    const pair = real.items.find((each) => keyText(this.resolve(each.key)) === key);
    return isNode(pair?.key) ? pair.key : null;
  }
}
