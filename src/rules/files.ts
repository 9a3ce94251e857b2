/** The files and folders that the configuration is read from. */
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { LoadOptions } from './load.ts';
import { MAIN_NAMES, MAX_BYTES } from './read.ts';

export interface Places {
  /** Absolute paths; some may be missing. */
  readonly files: readonly string[];
  /** Folders whose entries may all be part of the configuration. Absolute paths; some may be missing. */
  readonly folders: readonly string[];
}

/** The places that a reload reads. */
export function configurationPlaces(options: LoadOptions): Places {
  const { config, etc = '/etc/multihomed', usr = '/usr/lib/multihomed' } = options;
  if (config !== undefined) return { files: [resolve(config)], folders: [] };
  return {
    files: MAIN_NAMES.map((name) => resolve(etc, name)),
    folders: [resolve(etc, 'rules.d'), resolve(usr, 'rules.d')],
  };
}

/**
 * Returns a text that changes when the content of a configuration file changes, or when a file is added or removed. It
 * does not change when a file is rewritten with the same content, as a package upgrade does.
 */
export async function configurationFingerprint(options: LoadOptions): Promise<string> {
  const { createHash } = await import('node:crypto');
  const { files, folders } = configurationPlaces(options);
  const entries = folders.flatMap((folder) => list(folder).map((name) => join(folder, name)));
  const hash = createHash('sha256');
  for (const path of [...files, ...entries]) {
    const content = contentOf(path);
    hash.update(`${path}\0${content?.length ?? 'none'}\0`).update(content ?? '');
  }
  return hash.digest('hex');
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

/** Returns null when the file does not exist, is not a regular file or is too large to be read. */
function contentOf(path: string): Buffer | null {
  try {
    const status = statSync(path);
    return status.isFile() && status.size <= MAX_BYTES ? readFileSync(path) : null;
  } catch {
    return null;
  }
}
