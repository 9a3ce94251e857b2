/** Translates stacks of the bundle's code into lines of its sources. */
import { readFileSync } from 'node:fs';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { join, relative } from 'node:path';
import { PACKAGE_ROOT } from './root.ts';

/** Matches the end of a frame: `dist/parts/run-ABC.js:12:34`. */
const PLACE = /dist\/parts\/([\w-]+\.js):(\d+):(\d+)/g;

const PARTS = join(PACKAGE_ROOT, 'dist/parts');

/**
 * Returns the stack of an error, or a text for another thrown value. Each position in a part of the bundle becomes
 * `src/FILE.ts:LINE:COLUMN`. The source maps are read here instead of by `node --enable-source-maps`, which would slow
 * down every start. Never throws.
 */
export function sourceStack(error: unknown): string {
  const maps = new Map<string, SourceMap | null>();
  const stack = error instanceof Error ? (error.stack ?? String(error)) : String(error);
  return stack.replaceAll(PLACE, (place, part: string, line: string, column: string) => {
    if (!maps.has(part)) maps.set(part, readMap(part));
    const origin = maps.get(part)?.findOrigin(Number(line), Number(column));
    if (origin === undefined || !('fileName' in origin)) return place;
    const source = relative(PACKAGE_ROOT, join(PARTS, origin.fileName));
    return `${source}:${origin.lineNumber}:${origin.columnNumber}`;
  });
}

function readMap(part: string): SourceMap | null {
  try {
    const text = readFileSync(join(PARTS, `${part}.map`), 'utf8');
    return new SourceMap(JSON.parse(text) as SourceMapPayload);
  } catch {
    return null;
  }
}
