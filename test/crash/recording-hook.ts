/** A hook that records its calls and can be made slow. */
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Lab } from '../support/lab.ts';

export class RecordingHook {
  readonly folder: string;
  readonly #file: string;
  readonly #slow: string;

  constructor(lab: Lab) {
    this.folder = join(lab.folder, 'hooks');
    this.#file = join(lab.folder, 'calls');
    this.#slow = join(lab.folder, 'slow');
    mkdirSync(this.folder);
    const hook = join(this.folder, '10-tell');
    const line = '"$1 $2 $MULTIHOMED_ADDRESS"';
    // device-add and device-delete are not recorded.
    writeFileSync(
      hook,
      `#!/bin/sh\ncase $2 in device-*) exit ;; esac\necho ${line} >>${this.#file}\n[ ! -e ${this.#slow} ] || exec sleep 60\n`,
    );
    chmodSync(hook, 0o755);
  }

  /** Returns `INTERFACE ACTION ADDRESS` in the order of the calls; of one interface if one is named. */
  lines(device = ''): string[] {
    if (!existsSync(this.#file)) return [];
    return readFileSync(this.#file, 'utf8')
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '' && line.startsWith(device));
  }

  forget(): void {
    rmSync(this.#file, { force: true });
  }

  /** Makes every later hook hang. */
  set slow(slow: boolean) {
    if (slow) writeFileSync(this.#slow, '');
    else rmSync(this.#slow, { force: true });
  }
}
