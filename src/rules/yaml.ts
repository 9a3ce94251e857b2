/** Parses a file's YAML and keeps the position of every node. JSON is valid YAML and is read the same way. */
import { Composer, isMap, isScalar, isSeq, Lexer, LineCounter, Parser } from 'yaml';
import type { CST, Document, Node } from 'yaml';
import type { ConfigurationProblem } from './problem.ts';
import type { Origin } from './rule.ts';

export interface YamlSource {
  readonly file: string;
  readonly text: string;
}

export interface YamlTree {
  readonly file: string;
  /** Null for an empty document. */
  readonly root: Node | null;
  at(node: Node | null): Origin;
}

/**
 * Levels of lists and maps, counted as the parser does. The composer recurses once per level, and a stack overflow in
 * it would end the whole process.
 */
const MAX_DEPTH = 64;

/** About ten thousand rules. A reload with more would block the daemon for seconds. */
const MAX_LEXEMES = 100_000;

/** A text with more errors than this is not YAML at all. */
const MAX_ERRORS = 100;

/** Parses one document. Returns its problems if it is no valid YAML 1.2; never throws. */
export function parseYaml({ file, text }: YamlSource): YamlTree | readonly ConfigurationProblem[] {
  const lines = new LineCounter();
  const place = (offset: number): { line: number; column: number } => {
    const { line, col } = lines.linePos(Math.min(offset, text.length));
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const problem = (offset: number, found: string, expected: string): ConfigurationProblem => ({
    file,
    ...place(offset),
    found,
    expected,
    hint: null,
  });

  lines.addNewLine(0);
  const parser = new Parser(lines.addNewLine);
  const tokens: CST.Token[] = [];
  let lexemes = 0;
  for (const lexeme of new Lexer().lex(text)) {
    tokens.push(...parser.next(lexeme));
    if (++lexemes > MAX_LEXEMES) return [problem(parser.offset, 'too much in one file', 'a few rules')];
    if (parser.stack.length > MAX_DEPTH) {
      return [problem(parser.offset, 'lists or maps nested too deeply', 'a map with "rules"')];
    }
  }
  tokens.push(...parser.end());
  const documents = compose(tokens, text.length);
  const [document, second] = documents;
  const errors = documents.flatMap((each) => each.errors).slice(0, MAX_ERRORS);
  if (errors.length > 0) {
    const globs = unquotedGlobs(text).map(({ offset, glob }) => ({
      ...problem(offset, unquotedText(glob), ''),
      expected: null,
    }));
    // Errors after the first unquoted glob follow from it.
    const first = globs[0]?.line ?? Infinity;
    const others = errors
      .map((error) => ({
        ...problem(error.pos[0], `not valid YAML: ${sentence(error.message)}`, ''),
        expected: null,
      }))
      .filter(({ line }) => line! < first);
    return [...others, ...globs];
  }
  if (second !== undefined) return [problem(second.range[0], 'a second document', 'one document in a file')];
  // YAML 1.1 reads `yes`, `010` and `1:30` differently, and has merge keys.
  if (document?.directives?.yaml.version === '1.1') {
    return [problem(0, 'a %YAML 1.1 directive', 'YAML 1.2, or no directive')];
  }
  return {
    file,
    root: document?.contents ?? null,
    at: (node: Node | null) => ({ file, ...place(node?.range?.[0] ?? 0) }),
  };
}

function compose(tokens: readonly CST.Token[], length: number): Document.Parsed[] {
  const composer = new Composer({
    version: '1.2',
    schema: 'core',
    merge: false,
    // The reader of the map finds duplicate keys; the check here takes quadratic time.
    uniqueKeys: false,
    prettyErrors: false,
    logLevel: 'silent',
  });
  return [...composer.compose(tokens, false, length)];
}

/**
 * A key that begins with a character that YAML reads as an alias, a list, a tag, an anchor or the like; or a key `?`.
 */
const UNQUOTED = /(^[ \t]*|[{,][ \t]*)((?:[*&!|>%@`]|\[[^\]\n]*\]|\?(?=:))[^\s"'{},#]*?)[ \t]*:(?=\s)/gm;

function unquotedGlobs(text: string): { offset: number; glob: string }[] {
  return [...text.matchAll(UNQUOTED)].map((found) => ({
    offset: found.index + found[1]!.length,
    glob: found[2]!,
  }));
}

/** The message for a glob that YAML would read as something else. */
export const unquotedText = (glob: string): string => `put the glob in quotes: ${JSON.stringify(glob)}`;

/** Returns the parser's message in a form that fits inside a sentence. */
function sentence(message: string): string {
  const first = message.split('\n')[0] ?? '';
  return first.replace(/^[A-Z](?=[a-z])/, (letter) => letter.toLowerCase()).replace(/[.:]$/, '');
}

/** Returns a key as it was written, including `0x10` and `true`; null when it is no plain text. */
export function keyText(node: unknown): string | null {
  if (!isScalar(node)) return null;
  return typeof node.value === 'string' ? node.value : (node.source ?? '');
}

/** Returns a word for the type of a node, for messages. */
export function kindOf(node: Node | null): string {
  if (isMap(node)) return node.items.length === 0 ? 'an empty map' : 'a map';
  if (isSeq(node)) return node.items.length === 0 ? 'an empty list' : 'a list';
  return isScalar(node) && node.value !== null ? 'a value' : 'nothing';
}
