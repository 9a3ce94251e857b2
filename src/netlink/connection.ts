/**
 * Requests and their answers over one netlink socket. Requests from one turn of the event loop are sent in
 * one sendmsg, and the kernel acknowledges them in their order. Dumps run one after the other, because the
 * kernel allows one at a time per socket.
 */
import { constants } from 'node:os';
import { openNetlink, SystemError, type NetlinkSocket } from '../system/addon.ts';
import type { Clock } from '../system/clock.ts';
import { decodeError, NetlinkError } from './error.ts';
import {
  decodeMessages,
  encodeMessage,
  readBatch,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLM_F_MULTI,
  NLM_F_REQUEST,
  type Message,
} from './message.ts';

const { ETIMEDOUT, ENOBUFS, EBADMSG, ECANCELED } = constants.errno;

/** Bytes per sendmsg. netlink_rcv_skb accepts any number of messages; this keeps one skb small. */
const BATCH_BYTES = 16 * 1024;
/** Maximum number of requests in flight, because replies fill the socket's buffer; networkd uses the same number. */
const IN_FLIGHT = 128;
/**
 * Milliseconds until a request fails. The kernel may hold rtnl for seconds while it removes namespaces; a longer
 * delay means that the answer was lost.
 */
const TIMEOUT_MS = 30_000;
const DUMP_TRIES = 5;

export interface NetlinkRequest {
  /** The request in words, for errors and the debug log. */
  readonly operation: string;
  /** nlmsg_type of the request. */
  readonly type: number;
  /** NLM_F_* in addition to NLM_F_REQUEST and NLM_F_ACK. */
  readonly flags?: number;
  readonly payload: Buffer;
  /** The kernel sleeps for some milliseconds while it handles the request. */
  readonly waits?: boolean;
  /**
   * Replies for which it returns false are discarded at once, since a dump may have a million of them. `kept`: how many
   * were kept before; a repeated dump begins with none.
   */
  readonly keep?: (reply: Message, kept: number) => boolean;
}

/** Sends requests to the kernel; tests implement it with a model of the kernel. */
export interface Requester {
  /** Resolves with the messages before the acknowledgement; rejects with NetlinkError. */
  request(request: NetlinkRequest): Promise<Message[]>;
  /**
   * Resolves with all messages of a dump; rejects with NetlinkError. If a change interrupts the dump, it is repeated,
   * at most DUMP_TRIES times; then the last result is used.
   */
  dump(request: NetlinkRequest): Promise<Message[]>;
}

interface Pending {
  readonly request: NetlinkRequest;
  readonly sequence: number;
  readonly bytes: Buffer;
  readonly dump: boolean;
  readonly replies: Message[];
  interrupted: boolean;
  stopTimer: () => void;
  readonly settle: (error: Error | null, pending: Pending) => void;
}

/**
 * Called with each message, for the debug log.
 * @param operation the request in words; `event` for a message of a multicast group
 * @param protocol NETLINK_ROUTE, NETLINK_GENERIC
 */
export type Trace = (
  direction: 'sent' | 'received',
  message: Message,
  operation: string,
  protocol: number,
) => void;

export interface ConnectionOptions {
  readonly protocol: number;
  readonly clock: Clock;
  readonly netns?: string | undefined;
  readonly trace?: Trace | undefined;
}

/** A socket for requests. Many requests may be pending at once. */
export class NetlinkConnection implements Requester {
  readonly socket: NetlinkSocket;
  readonly #clock: Clock;
  readonly #trace: ConnectionOptions['trace'];
  readonly #protocol: number;
  readonly #waiting: Pending[] = [];
  readonly #inFlight = new Map<number, Pending>();
  #sequence = 0;
  #flushing = false;
  #dumps: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(options: ConnectionOptions) {
    this.#clock = options.clock;
    this.#trace = options.trace;
    this.#protocol = options.protocol;
    this.socket = openNetlink({
      protocol: options.protocol,
      ...(options.netns === undefined ? {} : { netns: options.netns }),
      receiveBuffer: 4 << 20,
      onBatch: (buffer, spans) =>
        readBatch(
          buffer,
          spans,
          (message) => this.#answer(message),
          (error) => this.#failAll(EBADMSG, error.message),
        ),
      onOverrun: () => this.#failAll(ENOBUFS, 'answers were lost'),
      onError: (error) => {
        this.#closed = true;
        this.#failAll(error.errno, error.message);
      },
    });
    // An idle connection does not keep the process alive; one that waits for an answer does.
    this.socket.unref();
  }

  /** As in Requester. Rejects with ECANCELED after `close`. */
  request(request: NetlinkRequest): Promise<Message[]> {
    return this.#ask(request, 'get').then((pending) => pending.replies);
  }

  /** As in Requester. Rejects with ECANCELED after `close`. */
  dump(request: NetlinkRequest): Promise<Message[]> {
    const result = this.#dumps.then(() => this.#dumpUntilWhole(request));
    this.#dumps = result.catch(() => undefined);
    return result;
  }

  /** Closes the socket; pending requests fail with ECANCELED. May be called more than once. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#failAll(ECANCELED, 'the connection was closed');
    this.socket.close();
  }

  async #dumpUntilWhole(request: NetlinkRequest): Promise<Message[]> {
    for (let attempt = 1; ; attempt++) {
      const pending = await this.#ask(request, 'dump');
      // The change that interrupted the dump also sent an event, so another read will correct the last result.
      if (!pending.interrupted || attempt === DUMP_TRIES) return pending.replies;
      await new Promise<void>((resume) => this.#clock.after(attempt * 2, resume));
    }
  }

  #ask(request: NetlinkRequest, kind: 'get' | 'dump'): Promise<Pending> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(new NetlinkError({ operation: request.operation, errno: ECANCELED }));
      this.#sequence = (this.#sequence + 1) >>> 0 || 1;
      const flags = (request.flags ?? 0) | NLM_F_REQUEST | (kind === 'dump' ? NLM_F_DUMP : NLM_F_ACK);
      this.#waiting.push({
        request,
        sequence: this.#sequence,
        bytes: encodeMessage(request.type, flags, this.#sequence, request.payload),
        dump: kind === 'dump',
        replies: [],
        interrupted: false,
        stopTimer: () => undefined,
        settle: (error, pending) => (error ? reject(error) : resolve(pending)),
      });
      this.#flushSoon();
    });
  }

  /** Sends at the end of this turn, so that requests of one turn go together. */
  #flushSoon(): void {
    if (this.#flushing || this.#closed) return;
    this.#flushing = true;
    queueMicrotask(() => this.#flush());
  }

  #flush(): void {
    this.#flushing = false;
    while (this.#waiting.length > 0 && this.#inFlight.size < IN_FLIGHT) {
      const batch = this.#takeBatch();
      for (const pending of batch) {
        this.#inFlight.set(pending.sequence, pending);
        pending.stopTimer = this.#clock.after(TIMEOUT_MS, () =>
          this.#finish(pending, new NetlinkError({ operation: pending.request.operation, errno: ETIMEDOUT })),
        );
        this.#traceSent(pending);
      }
      this.socket.ref();
      const waits = batch.some(({ request }) => request.waits);
      this.socket
        .send(Buffer.concat(batch.map((pending) => pending.bytes)), { waits })
        .catch((error: unknown) => {
          const errno = error instanceof SystemError ? error.errno : EBADMSG;
          for (const pending of batch)
            this.#finish(pending, new NetlinkError({ operation: pending.request.operation, errno }));
        });
    }
  }

  /** Requests share a datagram; a dump has one of its own. */
  #takeBatch(): Pending[] {
    const batch: Pending[] = [];
    let size = 0;
    while (this.#waiting.length > 0 && this.#inFlight.size + batch.length < IN_FLIGHT) {
      const next = this.#waiting[0]!;
      if (batch.length > 0 && (next.dump || size + next.bytes.length > BATCH_BYTES)) break;
      batch.push(this.#waiting.shift()!);
      size += next.bytes.length;
      if (next.dump) break;
    }
    return batch;
  }

  #answer(message: Message): void {
    const pending = this.#inFlight.get(message.sequence);
    if (!pending) return;
    this.#trace?.('received', message, pending.request.operation, this.#protocol);
    if (message.flags & NLM_F_DUMP_INTR) pending.interrupted = true;
    if (message.type === NLMSG_ERROR || message.type === NLMSG_DONE) {
      const failed =
        message.type === NLMSG_DONE && message.payload.length < 4
          ? null
          : decodeError(message, pending.request.operation, pending.bytes);
      this.#finish(pending, failed);
      return;
    }
    if (pending.request.keep?.(message, pending.replies.length) ?? true) pending.replies.push(message);
    // Old kernels answer a generic netlink get without NLM_F_MULTI, and end it with the acknowledgement.
    if (pending.dump && !(message.flags & NLM_F_MULTI)) this.#finish(pending, null);
  }

  #finish(pending: Pending, error: Error | null): void {
    if (!this.#inFlight.delete(pending.sequence)) return;
    pending.stopTimer();
    if (this.#inFlight.size === 0 && !this.#closed) this.socket.unref();
    if (this.#waiting.length > 0) this.#flushSoon();
    pending.settle(error, pending);
  }

  #failAll(errno: number, kernelText: string): void {
    for (const pending of [...this.#inFlight.values()])
      this.#finish(pending, new NetlinkError({ operation: pending.request.operation, errno, kernelText }));
    if (!this.#closed) return;
    for (const pending of this.#waiting.splice(0))
      pending.settle(new NetlinkError({ operation: pending.request.operation, errno, kernelText }), pending);
  }

  #traceSent(pending: Pending): void {
    if (!this.#trace) return;
    const [message] = decodeMessages(pending.bytes);
    if (message) this.#trace('sent', message, pending.request.operation, this.#protocol);
  }
}
