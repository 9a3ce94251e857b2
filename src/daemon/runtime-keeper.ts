/** Makes the runtime folder, the lock, the socket and the journal again if they disappear while the daemon runs. */
import { closeSync, existsSync } from 'node:fs';
import type { ControlServer } from '../control/server.ts';
import type { Clock } from '../system/clock.ts';
import type { Log } from '../system/log.ts';
import { isFile, lockFile, makeRuntimeFolder, runtimeFolder, type RuntimeFolder } from '../system/runtime.ts';
import { watchPlaces } from './watch-files.ts';

/** Milliseconds until the next try after a failure. */
const RETRY_MS = 1_000;

interface KeeperParts {
  readonly namespace: string;
  readonly log: Log;
  readonly clock: Clock;
}

export class RuntimeKeeper {
  readonly #parts: KeeperParts;
  readonly #folder: RuntimeFolder;
  #lock: number;
  #control: ControlServer | null = null;
  #persist = (): void => undefined;
  #unwatch = (): void => undefined;
  #cancel = (): void => undefined;
  #lastError = '';
  #making = false;

  /** `lock`: descriptor of the held lock. */
  constructor(parts: KeeperParts, lock: number) {
    this.#parts = parts;
    this.#folder = runtimeFolder(parts.namespace);
    this.#lock = lock;
  }

  /** Checks at once and whenever one of the files changes. `persist`: writes the journal. */
  watch(control: ControlServer, persist: () => void): void {
    this.#control = control;
    this.#persist = persist;
    const { lock, socket } = this.#folder;
    this.#unwatch = watchPlaces({ files: [lock, socket], folders: [] }, this.#parts.clock, this.check);
    this.check();
  }

  /** Ends the watch; the lock stays until the process ends. */
  stop(): void {
    this.#control = null;
    this.#unwatch();
    this.#cancel();
  }

  /** Does nothing if everything is in place. Never throws. */
  readonly check = (): void => {
    const locked = isFile(this.#lock, this.#folder.lock);
    const listens = !this.#control || existsSync(this.#folder.socket);
    if (!this.#making && !(locked && listens)) void this.#makeAgain({ locked, listens });
  };

  /** Never rejects. */
  async #makeAgain({ locked, listens }: { readonly locked: boolean; readonly listens: boolean }) {
    const { log, clock, namespace } = this.#parts;
    this.#making = true;
    this.#cancel();
    try {
      makeRuntimeFolder(namespace);
      if (!locked) this.#lockAgain();
      this.#persist();
      // Until the new socket is there, a second one must not be made.
      if (!listens) await this.#control?.listenAgain();
      this.#lastError = '';
      log.warn(`${this.#folder.lock} or its socket was removed by another program: both are made again`);
      // They may have been removed again meanwhile.
      this.#cancel = clock.after(0, this.check);
    } catch (error) {
      this.#fail(error as Error);
      this.#cancel = clock.after(RETRY_MS, this.check);
    } finally {
      this.#making = false;
    }
  }

  #lockAgain(): void {
    const file = lockFile(this.#folder);
    // A second daemon found no lock file and made one; it will end, because the namespace itself is locked.
    if (!('fd' in file)) throw new Error(`pid ${file.holder ?? 'unknown'} holds the lock`);
    closeSync(this.#lock);
    this.#lock = file.fd;
  }

  readonly #fail = (error: Error): void => {
    const text = `the runtime folder cannot be made again: ${error.message}`;
    if (text !== this.#lastError) this.#parts.log.error(text);
    this.#lastError = text;
  };
}
