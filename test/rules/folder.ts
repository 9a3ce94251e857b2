/** A private /etc/multihomed and /usr/lib/multihomed for each test. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { warningText } from '../../src/messages/warning.ts';
import { formatProblem } from '../../src/rules/problem.ts';
import { isValid, loadConfiguration } from '../../src/rules/load.ts';
import type { LoadOptions } from '../../src/rules/load.ts';
import type { Configuration } from '../../src/rules/rule.ts';

/** Call it outside of tests: each of them gets new, empty folders under another path. */
export function privateFolder(): Folder {
  const folder = new Folder();
  beforeEach(() => folder.create());
  afterEach(() => folder.remove());
  return folder;
}

class Folder {
  path = '';

  get etc(): string {
    return join(this.path, 'etc');
  }

  get usr(): string {
    return join(this.path, 'usr');
  }

  create(): void {
    this.path = mkdtempSync('/tmp/multihomed-rules-');
    // If the group of a user's files may write them, all of these would be refused.
    process.umask(0o022);
    mkdirSync(join(this.etc, 'rules.d'), { recursive: true });
    mkdirSync(join(this.usr, 'rules.d'), { recursive: true });
  }

  put(name: string, text: string | Uint8Array): string {
    const path = join(this.path, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    return path;
  }

  /**
   * Loads the configuration of the folders, or of one file.
   * @throws Error if it is not valid
   */
  async load(options: LoadOptions = { etc: this.etc, usr: this.usr }): Promise<Configuration> {
    const answer = await loadConfiguration(options);
    if (isValid(answer)) return answer;
    throw new Error(answer.errors.map((each) => formatProblem(each)).join('\n'));
  }

  /** Returns the warnings in words. */
  async warnings(): Promise<string[]> {
    return (await this.load()).warnings.map(warningText);
  }

  /** Returns the globs of all rules, in their order. */
  async globs(): Promise<string[]> {
    return (await this.load()).rules.map(({ glob }) => glob);
  }

  /** Returns the problems, one sentence each, without the path of this folder. */
  async problems(options: LoadOptions = { etc: this.etc, usr: this.usr }): Promise<string[]> {
    const answer = await loadConfiguration(options);
    return isValid(answer)
      ? []
      : answer.errors.map((each) => formatProblem(each).replaceAll(`${this.path}/`, ''));
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
