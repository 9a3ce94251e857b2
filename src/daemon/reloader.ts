/** Reads the configuration again, one reading at a time, and decides whether a pause ends. */
import { RequestError } from '../control/request-error.ts';
import { counted } from '../messages/count.ts';
import { warningText } from '../messages/warning.ts';
import { configurationFingerprint } from '../rules/files.ts';
import { isValid, loadConfiguration, type LoadOptions } from '../rules/load.ts';
import { formatProblem } from '../rules/problem.ts';
import type { HostProblem } from '../plan/problem.ts';
import type { Configuration } from '../rules/rule.ts';
import type { Log } from '../system/log.ts';
import { sourceStack } from '../system/stack.ts';
import { unfinished } from './shutdown-report.ts';
import type { Loop } from './loop.ts';

/** What `multihomed reload` prints. */
export interface Reloaded {
  readonly rules: number;
  readonly files: readonly string[];
  readonly warnings: readonly string[];
  /** Texts of the kernel changes, in their order. */
  readonly done: readonly string[];
  /** Texts of what the kernel refused. */
  readonly undone: readonly string[];
}

interface ReloaderParts {
  readonly load: LoadOptions;
  readonly log: Log;
  readonly loop: Loop;
  readonly configuration: Configuration;
  /** Called after each reading, even a failed one. */
  readonly onRead: () => void;
}

export class Reloader {
  readonly #parts: ReloaderParts;
  #configuration: Configuration;
  /** Errors of the last reading; the previous configuration stays in use. */
  #errors = '';
  #last: Promise<unknown> = Promise.resolve();

  constructor(parts: ReloaderParts) {
    this.#parts = parts;
    this.#configuration = parts.configuration;
  }

  /** The configuration in use. */
  get configuration(): Configuration {
    return this.#configuration;
  }

  /** For `status`: at most one, with the errors of the files. */
  get problems(): readonly HostProblem[] {
    return this.#errors === '' ? [] : [{ code: 'configuration', errors: this.#errors }];
  }

  /**
   * For a signal or a command: applies the configuration even if it is unchanged, and ends a pause.
   * @throws RequestError the configuration has errors
   */
  reload(): Promise<Reloaded> {
    return this.#queue(() => this.#reload());
  }

  /** A file may have changed. Only a change made after the flush ends a pause. Never rejects. */
  filesChanged(): Promise<void> {
    return this.#queue(() => this.#filesChanged());
  }

  /**
   * Removes everything and pauses. The pause ends at a reload, or when a file of the configuration changes.
   * @returns the texts of the removals
   * @throws RequestError not everything could be removed
   */
  flush(): Promise<string[]> {
    return this.#queue(async () => {
      const files = await configurationFingerprint(this.#parts.load);
      const { done, left } = await this.#parts.loop.flush({ files });
      if (left.length > 0)
        throw new RequestError('unfinished', `not everything could be removed: ${left.join('; ')}`);
      this.#parts.log.info(
        `flushed, ${counted(done.length, 'object')} removed; paused: resume with "multihomed reload"`,
      );
      return done;
    });
  }

  /** Runs tasks one after the other, so that a slow reading overrides neither a later reading nor a flush. */
  #queue<Result>(task: () => Promise<Result>): Promise<Result> {
    const next = this.#last.then(task);
    this.#last = next.catch(() => undefined);
    return next;
  }

  async #reload(): Promise<Reloaded> {
    const loaded = await this.#read();
    if (typeof loaded === 'string') throw new RequestError('configuration', loaded);
    const done = await this.#apply(loaded, { resume: true });
    const { rules, files } = loaded;
    const warnings = loaded.warnings.map(warningText);
    const undone = unfinished(this.#parts.loop.view, loaded);
    return { rules: rules.length, files, warnings, done, undone };
  }

  async #filesChanged(): Promise<void> {
    const { paused } = this.#parts.loop.state;
    // Before the reading, so that a file written during it counts as a further change.
    const resume = paused !== null && (await configurationFingerprint(this.#parts.load)) !== paused.files;
    const loaded = await this.#read();
    if (typeof loaded === 'string' || (!resume && sameConfiguration(loaded, this.#configuration))) return;
    await this.#apply(loaded, { resume });
  }

  /** @returns the configuration, or the text of its errors */
  async #read(): Promise<Configuration | string> {
    const loaded = await loadConfiguration(this.#parts.load).catch((error: unknown) => ({
      fault: `internal error, please report it: ${sourceStack(error)}`,
    }));
    const errors =
      'fault' in loaded ? [loaded.fault] : isValid(loaded) ? [] : loaded.errors.map(formatProblem);
    if (errors.length > 0) {
      this.#parts.log.error('the configuration has errors; the previous one remains in use:');
      for (const error of errors) this.#parts.log.error(error);
    }
    this.#errors = errors.join('\n');
    this.#parts.onRead();
    return !('fault' in loaded) && isValid(loaded) ? loaded : this.#errors;
  }

  async #apply(loaded: Configuration, { resume }: { readonly resume: boolean }): Promise<string[]> {
    const { log, loop } = this.#parts;
    for (const warning of loaded.warnings) log.warn(warningText(warning));
    this.#configuration = loaded;
    const paused = loop.state.paused !== null;
    const how = !paused
      ? ''
      : resume
        ? '; the pause ends'
        : '; still paused: resume with "multihomed reload"';
    log.info(`configuration reloaded: ${rulesText(loaded)}${how}`);
    return loop.reload(loaded, { resume });
  }
}

/** `1 rule`, `2 rules` */
export const rulesText = ({ rules }: { readonly rules: readonly unknown[] }): string =>
  counted(rules.length, 'rule');

function sameConfiguration(one: Configuration, other: Configuration): boolean {
  // JSON would turn both Infinity and null into null.
  const text = (configuration: Configuration): string =>
    JSON.stringify(configuration, (_, value: unknown) => (value === Infinity ? 'all' : value));
  return text(one) === text(other);
}
