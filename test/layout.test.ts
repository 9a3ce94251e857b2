/** Imports go one way, as docs/layout.md says; the plan is pure; the lock file names no registry. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const project = fileURLToPath(new URL('..', import.meta.url));
const source = join(project, 'src');
const read = (path: string): string => readFileSync(join(project, path), 'utf8');

/** In the order of the table in docs/layout.md, from the bottom to the top. */
const order = [...read('docs/layout.md').matchAll(/^\| `src\/(\w+)\/`/gm)].map(([, folder]) => folder!);

interface Import {
  readonly file: string;
  readonly folder: string;
  readonly from: string;
  /** Imports of types, which do not exist at run time. */
  readonly typeOnly: boolean;
}

const sources = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) =>
  file.endsWith('.ts'),
);

const imports: Import[] = sources.flatMap((file) => {
  const text = readFileSync(join(source, file), 'utf8');
  const pattern = /(?:^(?:import|export)\s+(type\s)?[^'";]*?from\s*|^import\s*|\bimport\()'([^']+)'/gm;
  return [...text.matchAll(pattern)].map(([, typeOnly, from]) => ({
    file,
    folder: file.includes('/') ? file.slice(0, file.indexOf('/')) : '',
    from: from!,
    typeOnly: typeOnly !== undefined,
  }));
});

/** Folder of src/ that an import leads to; null: another package. */
function target({ file, from }: Import): string | null {
  if (!from.startsWith('.')) return null;
  const path = relative(source, resolve(source, dirname(file), from));
  return path.startsWith('..') || !path.includes('/') ? '' : path.slice(0, path.indexOf('/'));
}

test('docs/layout.md names every folder of src/', () => {
  const folders = readdirSync(source, { withFileTypes: true })
    .filter((each) => each.isDirectory())
    .map(({ name }) => name);
  expect([...order].sort()).toEqual(folders.sort());
  expect(imports.length).toBeGreaterThan(100);
});

test('no folder imports from one below it in the list', () => {
  const wrong = imports.filter((each) => {
    const to = target(each);
    if (each.folder === '' || to === null) return false;
    return to === '' || order.indexOf(to) > order.indexOf(each.folder);
  });
  expect(wrong.map(({ file, from }) => `${file} imports ${from}`)).toEqual([]);
});

test('no circle of imports, inside a folder either', () => {
  const graph = new Map<string, string[]>();
  for (const { file, from } of imports) {
    if (!from.startsWith('.')) continue;
    const to = relative(source, resolve(source, dirname(file), from));
    graph.set(file, [...(graph.get(file) ?? []), to]);
  }
  expect(circlesIn(graph)).toEqual([]);
});

/** Each circle once, as the files on it. */
function circlesIn(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const circles: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    const at = path.indexOf(file);
    if (at !== -1) circles.push([...path.slice(at), file].join(' → '));
    if (at !== -1 || done.has(file)) return;
    for (const next of graph.get(file) ?? []) visit(next, [...path, file]);
    done.add(file);
  };
  for (const file of graph.keys()) visit(file, []);
  return circles;
}

test('no exported type has the name of another type, here or of TypeScript or Node', () => {
  const known = new Set([
    ...[
      'Error',
      'Event',
      'Exclude',
      'Extract',
      'Map',
      'Omit',
      'Partial',
      'Pick',
      'Promise',
      'Readonly',
      'Record',
    ],
    ...['Request', 'Required', 'Response', 'Set', 'Symbol'],
  ]);
  const types = sources.flatMap((file) =>
    [...read(`src/${file}`).matchAll(/^(export )?(?:abstract )?(?:interface|type|class|enum) (\w+)/gm)].map(
      ([, exported, name]) => ({ exported: exported !== undefined, name: name! }),
    ),
  );
  const counts = new Map<string, number>();
  for (const { name } of types) counts.set(name, (counts.get(name) ?? 0) + 1);
  const exported = types.filter((each) => each.exported).map(({ name }) => name);
  expect(exported.filter((name) => known.has(name) || counts.get(name) !== 1)).toEqual([]);
});

test('the plan is pure: no Node, no system, no socket, no clock', () => {
  const wrong = imports.filter(
    (each) =>
      each.folder === 'plan' &&
      (target(each) === null || (['system', 'events'].includes(target(each)!) && !each.typeOnly)) &&
      // Text in, text out.
      !each.from.endsWith('/system/shell-quote.ts'),
  );
  expect(wrong.map(({ file, from }) => `${file} imports ${from}`)).toEqual([]);
  const calls = readdirSync(join(source, 'plan'))
    .filter((name) => name.endsWith('.ts'))
    .filter((name) =>
      /\b(process\.|Date\.now|setTimeout|Math\.random|await )/.test(read(`src/plan/${name}`)),
    );
  expect(calls).toEqual([]);
});

test('no source file has more than 300 lines', () => {
  const long = sources.filter((file) => read(`src/${file}`).trimEnd().split('\n').length > 300);
  expect(long).toEqual([]);
});

test('no module that test files share registers a hook when it is loaded: that would be for the first of them alone', () => {
  const shared = readdirSync(join(project, 'test'), { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.ts') && !file.endsWith('.test.ts'),
  );
  expect(shared.filter((file) => /^(before|after)(All|Each)\(/m.test(read(`test/${file}`)))).toEqual([]);
});

test('the lock file names no registry', () => {
  expect(read('package-lock.json')).not.toContain('"resolved"');
});
