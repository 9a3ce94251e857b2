/** Files and folders for the tests of trust.ts, in a folder of their own. */
import { chmodSync, closeSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, test } from 'vitest';
import { isRefusal, openTrusted, type TrustOptions } from '../../src/system/trust.ts';

const root = process.geteuid?.() === 0;
const changesOwners = root && /^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'latin1'));
if (!changesOwners) console.log('skipped: giving files to other users needs root outside of user namespaces');
/** A test that gives files to other users. */
export const asRoot = test.skipIf(!changesOwners);

/** The folder of the running test, which is removed after it. */
export let home: string;

/** Makes such a folder for each test of the file that calls this. */
export function makeHomes(): void {
  beforeEach(() => {
    process.umask(0o022);
    home = mkdtempSync('/tmp/multihomed-trust-');
  });
  afterEach(() => {
    rmSync(home, { recursive: true, force: true });
  });
}

export function put(name: string, mode = 0o644): string {
  const path = `${home}/${name}`;
  writeFileSync(path, 'text');
  chmodSync(path, mode);
  return path;
}

export function folder(name: string, mode = 0o755): string {
  const path = `${home}/${name}`;
  mkdirSync(path);
  chmodSync(path, mode);
  return path;
}

/** Returns the text of the opened file, or the reason why not. */
export function open(path: string, options?: TrustOptions): string {
  const answer = openTrusted(path, options);
  if (isRefusal(answer)) return `${answer.code}: ${answer.reason}`;
  try {
    return answer.stats.isFile() ? readFileSync(answer.fd, 'utf8') : 'a folder';
  } finally {
    closeSync(answer.fd);
  }
}
