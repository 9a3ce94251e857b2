/** Parses the manual pages for tests. */
import { readFileSync } from 'node:fs';

export const PAGES = ['multihomed.8', 'multihomed.yaml.5', 'multihomed-hooks.7'] as const;
export type Page = (typeof PAGES)[number];

export const pageFile = (page: Page): string => new URL(`../../docs/man/${page}`, import.meta.url).pathname;

/** Returns the lines of one section. */
export function section(page: Page, title: string): string[] {
  const [, text] = readFileSync(pageFile(page), 'utf8').split(`.Sh ${title}\n`);
  if (text === undefined) throw new Error(`${page} has no section ${title}`);
  return (text.split('\n.Sh ')[0] ?? '').split('\n');
}

/** Returns the names of the items of lists in a section, by the macro with which they begin (mdoc(7)). */
export function items(page: Page, title: string, macro: string): string[] {
  return section(page, title)
    .filter((line) => line.startsWith(`.It ${macro} `))
    .flatMap((line) => line.slice(`.It ${macro} `.length).split(' , '));
}

/** Returns the examples as a user types them. */
export function examples(page: Page, title: string): string[] {
  const text = section(page, title).join('\n');
  return [...text.matchAll(/\.Bd -literal.*\n([^]*?)\n\.Ed/g)].map(([, example = '']) =>
    example.replaceAll('\\e', '\\'),
  );
}
