/** Sends the daemon's requests to the model kernel, with the faults that can happen between the two. */
import { readU32 } from '../../src/netlink/bytes.ts';
import type { NetlinkRequest, Requester } from '../../src/netlink/connection.ts';
import { NetlinkError } from '../../src/netlink/error.ts';
import type { Message } from '../../src/netlink/message.ts';
import { Prng } from './prng.ts';
import { MPTCP_FAMILY, type ModelKernel } from './kernel.ts';
import { Refusal, type Maker } from './state.ts';

const LINKS = 18;
const ADDRESSES = 22;
const ENOBUFS = 105;
/** Types of requests that only read. */
const LOOKS = new Set([18, 22, 26, 30, 34, 106]);

export class ModelRequester implements Requester {
  readonly #kernel: ModelKernel;
  readonly #maker: Maker;
  /** Called before each request is handled; throws nothing. */
  before: () => void = () => undefined;
  /** Called in the middle of each dump, so that a change appears in only half of it. */
  midway: () => void = () => undefined;
  /** The number of following answers that are lost although the request is handled. */
  lostAnswers = 0;
  /** The number of changes until the daemon crashes; null: it does not. */
  changesUntilCrash: number | null = null;
  /** Whether the last change is made and only its answer is lost. */
  answerLost = false;
  dead = false;
  readonly #random: Prng;

  constructor(kernel: ModelKernel, maker: Maker, random = new Prng(0)) {
    this.#kernel = kernel;
    this.#maker = maker;
    this.#random = random;
  }

  async request(request: NetlinkRequest): Promise<Message[]> {
    await this.#turn();
    const { operation, type, flags = 0, payload } = request;
    const changes = !LOOKS.has(type) && !(type === MPTCP_FAMILY && [3, 6].includes(payload.readUInt8(0)));
    const last = changes && this.#isLast();
    // The change is in the journal and not made; or it is made, and the answer is lost.
    if (last && !this.answerLost) this.#die();
    if (this.dead) await never();
    const answer = this.#ask(operation, () => this.#kernel.request({ type, flags, payload }, this.#maker));
    if (last) this.#die();
    if (this.dead) await never();
    if (changes && this.lostAnswers > 0) {
      this.lostAnswers--;
      this.#count('answer lost');
      throw new NetlinkError({ operation, errno: ENOBUFS, kernelText: 'answers were lost' });
    }
    return answer;
  }

  async dump(request: NetlinkRequest): Promise<Message[]> {
    await this.#turn();
    const { operation, type, flags = 0, payload } = request;
    // Dumps may overtake each other; changes keep the order in which they were sent.
    for (let late = this.#random.below(6); late > 0; late--) await Promise.resolve();
    if (this.dead) await never();
    const ask = (): Message[] => this.#ask(operation, () => this.#kernel.dump({ type, flags, payload }));
    const first = ask();
    this.midway();
    const second = ask();
    if (this.dead) await never();
    if (second.length === first.length && second.every((each, at) => each.payload.equals(first[at]!.payload)))
      return this.#inAnyOrder(type, second);
    this.#count('dump interrupted');
    // All endpoints fit into one datagram, so a dump has either the old ones or the new ones.
    if (type === MPTCP_FAMILY) return first;
    const half = Math.ceil(first.length / 2);
    return [...first.slice(0, half), ...second.slice(half)];
  }

  /** Shuffles what has no guaranteed order: links and endpoints, and addresses of different links. */
  #inAnyOrder(type: number, messages: Message[]): Message[] {
    if (type === LINKS || type === MPTCP_FAMILY) return this.#random.shuffled(messages);
    if (type !== ADDRESSES) return messages;
    const links = [...new Set(messages.map(({ payload }) => readU32(payload, 4)))];
    return this.#random
      .shuffled(links)
      .flatMap((link) => messages.filter(({ payload }) => readU32(payload, 4) === link));
  }

  #count(what: string): void {
    if (this.#maker === 'daemon') this.#kernel.state.countPeculiarity(what);
  }

  async #turn(): Promise<void> {
    await Promise.resolve();
    if (this.dead) await never();
    this.before();
  }

  #isLast(): boolean {
    return this.changesUntilCrash !== null && this.changesUntilCrash-- === 0;
  }

  #die(): void {
    this.dead = true;
    this.#count(this.answerLost ? 'crash after a change' : 'crash before a change');
  }

  #ask(operation: string, ask: () => Message[]): Message[] {
    try {
      return ask();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      throw new NetlinkError({ operation, errno: error.errno, kernelText: error.kernelText });
    }
  }
}

const never = (): Promise<never> => new Promise(() => undefined);
