/** Translates stacks of the bundle's code into lines of its sources. */
import { readFileSync } from 'node:fs';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { dirname, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PACKAGE_ROOT } from './root.ts';

/** Matches the end of a frame: `file:///usr/lib/.../dist/parts/run-ABC.js:12:34`. */
const PLACE = /((?:file:\/\/)?\/[^\s()]+?\.js):(\d+):(\d+)/g;

/**
 * Returns the stack of an error, or a text for another thrown value. Each position in a bundled file with a source map
 * becomes `src/FILE.ts:LINE:COLUMN`. The maps are read here instead of by `node --enable-source-maps`, which would slow
 * down every start. Never throws.
 */
export function sourceStack(error: unknown): string {
  const maps = new Map<string, SourceMap | null>();
  const stack = error instanceof Error ? (error.stack ?? String(error)) : String(error);
  return stack.replaceAll(PLACE, (place, url: string, line: string, column: string) => {
    const file = url.startsWith('file:') ? fileURLToPath(url) : url;
    if (!maps.has(file)) maps.set(file, readMap(file));
    const origin = maps.get(file)?.findOrigin(Number(line), Number(column));
    if (origin === undefined || !('fileName' in origin)) return place;
    const source = relative(PACKAGE_ROOT, resolve(dirname(file), origin.fileName));
    return `${source}:${origin.lineNumber}:${origin.columnNumber}`;
  });
}

function readMap(file: string): SourceMap | null {
  try {
    return new SourceMap(JSON.parse(readFileSync(`${file}.map`, 'utf8')) as SourceMapPayload);
  } catch {
    return null;
  }
}
