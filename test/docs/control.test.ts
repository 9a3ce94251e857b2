/** The tables of docs/control.md have every key of the schema of the status document. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
}

const docs = fileURLToPath(new URL('../../docs/', import.meta.url));
const schema = JSON.parse(readFileSync(`${docs}json/status.schema.json`, 'utf8')) as Schema;
const [, section = ''] =
  /\n## The status document\n(.*?)\n## /s.exec(readFileSync(`${docs}control.md`, 'utf8')) ?? [];

/** Of a table, the words in backticks of each row by each key in its first column. */
function rowsOf(table: string): Map<string, Set<string>> {
  const rows = [...table.matchAll(/^\| (`.*?) \| (.*) \|$/gm)];
  const wordsIn = (cell: string): string[] => [...cell.matchAll(/`(\w+)`/g)].map(([, word]) => word!);
  return new Map(
    rows.flatMap(([, keys, value]) => wordsIn(keys!).map((key) => [key, new Set(wordsIn(value!))])),
  );
}

const below = ({ properties = {}, items, anyOf = [] }: Schema): string[] => [
  ...Object.entries(properties).flatMap(([key, each]) => [key, ...below(each)]),
  ...[...(items ? [items] : []), ...anyOf].flatMap(below),
];

test.each([
  ['the document', section.split('Each uplink has:')[0]!, schema, ['uplinks']],
  ['an uplink', section.split('Each uplink has:')[1]!, schema.properties!['uplinks']!.items!, []],
])('control.md has the keys of %s in the schema', (_, table, { properties = {} }, elsewhere: string[]) => {
  const rows = rowsOf(table);
  expect([...rows.keys()].sort()).toEqual(Object.keys(properties).sort());
  for (const [key, value] of Object.entries(properties)) {
    const missing = elsewhere.includes(key) ? [] : below(value).filter((each) => !rows.get(key)!.has(each));
    expect(missing, key).toEqual([]);
  }
});
