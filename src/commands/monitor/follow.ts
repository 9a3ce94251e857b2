/** Follows the uplinks: through the daemon, and through the kernel's own events while no daemon runs. */
import { watch, type Watch } from '../../control/client.ts';
import { ControlError } from '../../control/error.ts';
import type { StatusDocument } from '../../control/document.ts';
import { listen, type EventSocket } from '../../events/listener.ts';
import { DecodeError } from '../../netlink/attribute.ts';
import { NetlinkError } from '../../netlink/error.ts';
import type { Configuration } from '../../rules/rule.ts';
import { statusWithoutDaemon } from '../read-kernel.ts';
import type { Namespace } from '../namespace.ts';
import { changes, type UplinkChange } from './change.ts';

/** Milliseconds between checks whether a daemon has been started. */
const DAEMON_CHECK_MS = 2_000;
/** How many connections in a row the daemon may close without an answer; a daemon that ends closes one. */
const MAX_REFUSALS = 3;
/** Milliseconds in which events are collected, since they come in bursts. */
const GATHER_MS = 50;

export interface FollowOptions {
  readonly namespace: Namespace;
  /** Called when the configuration is first needed. */
  readonly configuration: () => Promise<Configuration>;
  readonly onChange: (change: UplinkChange) => void;
  /** Called with the source of the changes from now on: the daemon's pid, or null for the kernel. */
  readonly onSource: (daemon: number | null) => void;
  readonly onError: (error: Error) => void;
}

export class Follower {
  readonly #options: FollowOptions;
  #before: StatusDocument['uplinks'] | null = null;
  #source: number | null | undefined;
  #events: EventSocket | null = null;
  #timer: NodeJS.Timeout | null = null;
  #daemon: Watch | null = null;
  #refusals = 0;
  #reading = false;
  #stale = false;
  #stopped = false;

  constructor(options: FollowOptions) {
    this.#options = options;
  }

  /** Called once by the caller, and then by this class when the daemon starts or ends. */
  async start(): Promise<void> {
    const { namespace, onError } = this.#options;
    let answered = false;
    const daemon = await watch(
      namespace.folder.socket,
      (document) => {
        answered = true;
        this.#refusals = 0;
        this.#take(document as StatusDocument);
      },
      (error) => {
        this.#daemon = null;
        if (this.#stopped) return;
        if (error) onError(error);
        else if (answered) this.start().catch(onError);
        else if (++this.#refusals < MAX_REFUSALS) this.#retryLater();
        else
          onError(new ControlError('the daemon has too many clients and closed the connection; try again'));
      },
    );
    this.#clearTimer();
    if (this.#stopped) return daemon?.close();
    if (daemon) {
      this.#daemon = daemon;
      this.#closeEvents();
      return;
    }
    const fresh = this.#events === null;
    this.#events ??= listen({
      own: new Set(),
      onStale: () => this.#readSoon(),
      onOverrun: () => this.#readSoon(),
      onError,
    });
    this.#retryLater();
    if (fresh) this.#readSoon();
  }

  stop(): void {
    this.#stopped = true;
    this.#clearTimer();
    this.#closeEvents();
    this.#daemon?.close();
  }

  #retryLater(): void {
    this.#clearTimer();
    this.#timer = setTimeout(() => void this.start().catch(this.#options.onError), DAEMON_CHECK_MS);
  }

  #clearTimer(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** Stops following the kernel's events, because the daemon reports everything. */
  #closeEvents(): void {
    this.#events?.close();
    this.#events = null;
  }

  #readSoon(): void {
    this.#stale = true;
    if (this.#reading) return;
    this.#reading = true;
    setTimeout(() => {
      this.#readKernel()
        .catch((error: unknown) => {
          // An object that was removed during the pass is missing in the next pass.
          if (error instanceof NetlinkError || error instanceof DecodeError) this.#stale = true;
          else this.#options.onError(error as Error);
        })
        .finally(() => {
          this.#reading = false;
          if (this.#stale && this.#events && !this.#stopped) this.#readSoon();
        });
    }, GATHER_MS);
  }

  async #readKernel(): Promise<void> {
    this.#stale = false;
    if (this.#stopped) return;
    const document = await statusWithoutDaemon(this.#options.namespace, await this.#options.configuration());
    if (this.#events) this.#take(document);
  }

  #take({ daemon, uplinks }: StatusDocument): void {
    const { onSource, onChange } = this.#options;
    const source = daemon?.pid ?? null;
    if (source !== this.#source) onSource(source);
    this.#source = source;
    if (this.#before) for (const change of changes(this.#before, uplinks)) onChange(change);
    this.#before = uplinks;
  }
}
