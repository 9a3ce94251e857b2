/** Each document that is linked from another one exists. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const documents = ['.', 'docs'].flatMap((folder) =>
  readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name)),
);

/** Paths of links to files of the project, relative to the document. */
const linked = (document: string): string[] =>
  [...readFileSync(join(ROOT, document), 'utf8').matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)]
    .map(([, target]) => target!)
    .filter((target) => !/^[a-z]+:/.test(target));

test.for(documents)('links of %s lead to files', (document) => {
  const folder = dirname(join(ROOT, document));
  expect(linked(document).filter((target) => !existsSync(join(folder, target)))).toEqual([]);
});

test('links are found', () => {
  expect(linked('SECURITY.md').length).toBeGreaterThan(20);
});
