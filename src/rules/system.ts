/** The system's configuration, by cosmiconfig: one safe wrapper around it. */
import { closeSync, openSync } from 'node:fs';
import type { CosmiconfigResult, Loader } from 'cosmiconfig';
import type { TrustedFile } from '../system/trust.ts';

/** A folder in which nobody can make a file, so that no meta configuration is found there. */
const NO_MANS_LAND = '/proc/self';

const DESCRIPTORS = '/proc/self/fd';

/** Linux's O_PATH: a folder that may be entered need not be readable. */
const O_PATH = 0o10000000;

/** The text as it is: wrapped, so that cosmiconfig sees no `$import` in it and merges no other files. */
const asText: Loader = (_path, content) => ({ text: content });

const refuse: Loader = (path) => {
  throw new Error(`${path} is code, and no configuration`);
};

/**
 * The text of the first of some opened and checked files, as cosmiconfig finds and loads it; null where there is none.
 * It searches the folder of our descriptors, so that no name is looked up again and the bytes are those of the files
 * that were checked. Rejects with what the kernel says where that file cannot be read.
 */
export async function loadFirst(files: readonly TrustedFile[]): Promise<string | null> {
  // Loaded here: a daemon needs it at its start and at a reload alone. Through `default`: esbuild gives an import() of
  // a CommonJS module no other name (grep -n 'export default require_dist' dist/parts/*.js).
  const {
    default: { cosmiconfig },
  } = await import('cosmiconfig');
  const explorer = elsewhere(() =>
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
 * Makes an explorer away from the current folder: cosmiconfig runs `.config/config.js` there, whatever the options
 * say. All of it is synchronous, so nothing else of this program sees the change.
 */
function elsewhere<T>(make: () => T): T {
  const here = currentFolder();
  try {
    process.chdir(NO_MANS_LAND);
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
 * By descriptor: the way back leads to the same folder though it was renamed or removed. Null: this user may not enter
 * it (sudo from another's home), so that no relative name could be used there anyway.
 */
function currentFolder(): number | null {
  try {
    return openSync('.', O_PATH);
  } catch {
    return null;
  }
}
