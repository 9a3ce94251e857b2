/** A private /etc/multihomed and /usr/lib/multihomed for one test. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { formatProblem } from '../../src/rules/problem.ts';
import { isValid, loadConfiguration } from '../../src/rules/load.ts';
import type { LoadOptions } from '../../src/rules/load.ts';
import type { Configuration } from '../../src/rules/rule.ts';

export class Folder {
  readonly path = mkdtempSync('/tmp/multihomed-rules-');
  readonly etc = join(this.path, 'etc');
  readonly usr = join(this.path, 'usr');

  constructor() {
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
