/**
 * Changes to the user's files, as commands for the user to run; doctor itself writes no configuration. Each change is
 * first tried on the text. If the result would not be the intended one (flow style, JSON), there is no command.
 */
import { isMap, isScalar, type Node, type Pair, type YAMLMap } from 'yaml';
import type { Origin } from '../rules/rule.ts';
import { parseYaml, type YamlTree } from '../rules/yaml.ts';
import { fileArgument, type Command, type Remedy } from '../system/shell-quote.ts';

/** Line numbers count from 1 and refer to the text before any change. */
type LineChange =
  | { readonly kind: 'insert'; readonly before: number; readonly lines: readonly string[] }
  | { readonly kind: 'delete'; readonly from: number; readonly to: number }
  | { readonly kind: 'replace'; readonly line: number; readonly text: string };

type Texts = ReadonlyMap<string, string>;

/** Replaces a scalar by another in the only file that has it. */
export function replaceScalar(
  texts: Texts,
  files: readonly string[],
  path: readonly [string, string],
  value: string,
): Remedy | null {
  for (const file of files) {
    const text = texts.get(file);
    const tree = text === undefined ? null : treeOf(file, text);
    const outer = tree && pairOf(tree.root, path[0]);
    const node = outer && pairOf(outer.value, path[1])?.value;
    if (text === undefined || !tree || !isScalar(node) || !node.range) continue;
    const [from, to] = node.range;
    const { line, column } = tree.at(node);
    const old = text.split('\n')[line - 1] ?? '';
    const fresh = old.slice(0, column - 1) + value + old.slice(column - 1 + (to - from));
    return [sed(file, [{ kind: 'replace', line, text: fresh }])];
  }
  return null;
}

/** Moves the rule written at `rule` to just before the one written at `before`, which may be in another file. */
export function moveRule(texts: Texts, rule: Origin, before: Origin): Remedy | null {
  const source = blockOf(texts, rule);
  const goal = blockOf(texts, before);
  if (!source || !goal) return null;
  const insert: LineChange = {
    kind: 'insert',
    before: goal.from,
    lines: source.lines.map((line) => ' '.repeat(goal.indent) + line.slice(source.indent)),
  };
  const remove: LineChange = { kind: 'delete', from: source.from, to: source.to };
  if (rule.file === before.file) {
    const changed = applied(texts.get(rule.file)!, [insert, remove]);
    return ordered(rule.file, changed, source.key, goal.key) ? [sed(rule.file, [insert, remove])] : null;
  }
  const changed = applied(texts.get(before.file)!, [insert]);
  if (!ordered(before.file, changed, source.key, goal.key)) return null;
  // After its last key is removed, a map would be null instead of a map.
  const rest = treeOf(rule.file, applied(texts.get(rule.file)!, [remove]));
  const left = rest && pairOf(rest.root, 'rules')?.value;
  const removal = isMap(left) ? sed(rule.file, [remove]) : null;
  return removal && [sed(before.file, [insert]), removal];
}

interface Block {
  readonly key: string;
  readonly from: number;
  readonly to: number;
  readonly indent: number;
  readonly lines: readonly string[];
}

/** Returns the lines of one rule of a map in block style. */
function blockOf(texts: Texts, origin: Origin): Block | null {
  const text = texts.get(origin.file);
  const tree = text === undefined ? null : treeOf(origin.file, text);
  if (text === undefined || !tree) return null;
  const map = pairOf(tree.root, 'rules')?.value;
  if (!isMap(map) || map.flow) return null;
  const pair = map.items.find((each) => tree.at(each.key as Node).line === origin.line);
  const value = pair?.value as Node | null | undefined;
  if (!pair || !isScalar(pair.key) || !value?.range) return null;
  const from = origin.line;
  // A map's range ends where the next node begins.
  const to = text.slice(0, value.range[1]).trimEnd().split('\n').length;
  const lines = text.split('\n').slice(from - 1, to);
  const indent = tree.at(pair.key).column - 1;
  // Only white space may precede the rule on each of its lines.
  if (!lines.every((line) => line.trim() === '' || line.slice(0, indent).trim() === '')) return null;
  return { key: String(pair.key.value), from, to, indent, lines: lines.filter((line) => line.trim() !== '') };
}

function treeOf(file: string, text: string): YamlTree | null {
  const tree = parseYaml({ file, text });
  return 'root' in tree ? tree : null;
}

function pairOf(node: unknown, key: string): Pair | null {
  if (!isMap(node)) return null;
  return (node as YAMLMap).items.find((each) => isScalar(each.key) && each.key.value === key) ?? null;
}

function ordered(file: string, text: string, first: string, then: string): boolean {
  const map = pairOf(treeOf(file, text)?.root, 'rules')?.value;
  if (!isMap(map)) return false;
  const keys = map.items.map((each) => (isScalar(each.key) ? String(each.key.value) : ''));
  return keys.indexOf(first) !== -1 && keys.indexOf(first) < keys.indexOf(then);
}

function applied(text: string, changes: readonly LineChange[]): string {
  const lines = text.split('\n');
  return lines
    .flatMap((line, at) => {
      const here = changes.filter((change) => numberOf(change) <= at + 1 && at + 1 <= lastOf(change));
      const inserted = here.flatMap((change) => (change.kind === 'insert' ? change.lines : []));
      const replaced = here.find((change) => change.kind === 'replace');
      const kept = here.some((change) => change.kind === 'delete') ? [] : [replaced ? replaced.text : line];
      return [...inserted, ...kept];
    })
    .join('\n');
}

const numberOf = (change: LineChange): number =>
  change.kind === 'insert' ? change.before : change.kind === 'delete' ? change.from : change.line;
const lastOf = (change: LineChange): number => (change.kind === 'delete' ? change.to : numberOf(change));

/** For GNU sed: white space after `i\` and `c\` is kept, and a backslash is doubled. */
function sed(file: string, changes: readonly LineChange[]): Command {
  const escaped = (line: string): string => line.replaceAll('\\', '\\\\');
  const scripts = changes.flatMap((change) => {
    if (change.kind === 'insert') return change.lines.map((line) => `${change.before}i\\${escaped(line)}`);
    if (change.kind === 'replace') return [`${change.line}c\\${escaped(change.text)}`];
    return [change.from === change.to ? `${change.from}d` : `${change.from},${change.to}d`];
  });
  return { argv: ['sed', '-i', ...scripts.flatMap((script) => ['-e', script]), fileArgument(file)] };
}
