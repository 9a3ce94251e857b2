/** Reads the system's configuration with cosmiconfig, such that it runs no code and reads no other file. */
import { closeSync, openSync } from 'node:fs';
import type { CosmiconfigResult, Loader } from 'cosmiconfig';
import { O_PATH, type TrustedFile } from '../system/trust.ts';

/** A folder in which no user can create a file, so that cosmiconfig finds no configuration of its own there. */
const UNWRITABLE_FOLDER = '/proc/self';

const DESCRIPTORS = '/proc/self/fd';

/** Returns the text unparsed, in a wrapper, so that cosmiconfig sees no `$import` in it and merges no other files. */
const asText: Loader = (_path, content) => ({ text: content });

const refuse: Loader = (path) => {
  throw new Error(`${path} is code, and no configuration`);
};

/**
 * Loads cosmiconfig. Through `default`, because esbuild gives an import() of a CommonJS module no other name
 * (grep -n 'export default require_dist' dist/parts/*.js).
 */
async function library(): Promise<typeof import('cosmiconfig')> {
  return (await import('cosmiconfig')).default;
}

/** Loads what the next `loadFirst` needs of this program's files, which an upgrade may replace meanwhile. */
export async function preloadReader(): Promise<void> {
  await library();
}

/**
 * Returns the text of the first file that cosmiconfig finds and loads among opened and checked files; null when there
 * is none. It searches the folder of this process's descriptors, so that no name is looked up again and the bytes are
 * those of the checked files. Rejects with the kernel's error when that file cannot be read.
 */
export async function loadFirst(files: readonly TrustedFile[]): Promise<string | null> {
  const { cosmiconfig } = await library();
  const explorer = inUnwritableFolder(() =>
    cosmiconfig('multihomed', {
      searchPlaces: files.map(({ fd }) => String(fd)),
      searchStrategy: 'none',
      ignoreEmptySearchPlaces: false,
      mergeSearchPlaces: false,
      cache: false,
      loaders: {
        noExt: asText,
        '.js': refuse,
        '.cjs': refuse,
        '.mjs': refuse,
        '.ts': refuse,
        '.json': refuse,
        '.yaml': refuse,
        '.yml': refuse,
      },
    }),
  );
  const result: CosmiconfigResult = await explorer.search(DESCRIPTORS);
  if (result === null) return null;
  return result.isEmpty === true ? '' : (result.config as { text: string }).text;
}

/**
 * Creates an explorer in another current folder, because cosmiconfig runs `.config/config.js` of the current folder
 * regardless of its options. It is synchronous, so nothing else in this program sees the change of folder.
 */
function inUnwritableFolder<T>(make: () => T): T {
  const here = currentFolder();
  try {
    process.chdir(UNWRITABLE_FOLDER);
    return make();
  } finally {
    if (here === null) {
      process.chdir('/');
    } else {
      process.chdir(`${DESCRIPTORS}/${here}`);
      closeSync(here);
    }
  }
}

/**
 * Opens the current folder, because a descriptor leads back to it even if it was renamed or removed. Returns null when
 * this user may not enter it (sudo from another user's home), where relative names could not be used anyway.
 */
function currentFolder(): number | null {
  try {
    // With O_PATH, because a folder that may be entered need not be readable.
    return openSync('.', O_PATH);
  } catch {
    return null;
  }
}
