/** The model kernel's face to the program under test, with what can go wrong between the two. */
import type { Request, Requester } from '../../src/netlink/connection.ts';
import { NetlinkError } from '../../src/netlink/error.ts';
import type { Message } from '../../src/netlink/message.ts';
import { MPTCP_FAMILY, type ModelKernel } from './kernel.ts';
import { Refusal, type Maker } from './state.ts';

const ENOBUFS = 105;
/** Requests that only look. */
const LOOKS = new Set([18, 22, 26, 34, 106]);

export class Line implements Requester {
  readonly #kernel: ModelKernel;
  readonly #maker: Maker;
  /** Called before each request is done; throws nothing. */
  before: () => void = () => undefined;
  /** Called in the middle of each dump: what changes then is half in it. */
  midway: () => void = () => undefined;
  /** The next answers to come that are lost although the request is done. */
  losses = 0;
  /** Changes that are still done before the program is dead; null: it lives. */
  life: number | null = null;
  dead = false;

  constructor(kernel: ModelKernel, maker: Maker) {
    this.#kernel = kernel;
    this.#maker = maker;
  }

  async request(request: Request): Promise<Message[]> {
    await this.#turn();
    const { operation, type, flags = 0, payload } = request;
    const changes = !LOOKS.has(type) && !(type === MPTCP_FAMILY && [3, 6].includes(payload.readUInt8(0)));
    if (changes) await this.#age();
    const answer = this.#ask(operation, () => this.#kernel.request({ type, flags, payload }, this.#maker));
    if (this.dead) await never();
    if (changes && this.losses > 0) {
      this.losses--;
      throw new NetlinkError({ operation, errno: ENOBUFS, kernelText: 'answers were lost' });
    }
    return answer;
  }

  async dump(request: Request): Promise<Message[]> {
    await this.#turn();
    const { operation, type, flags = 0, payload } = request;
    const ask = (): Message[] => this.#ask(operation, () => this.#kernel.dump({ type, flags, payload }));
    const first = ask();
    this.midway();
    const second = ask();
    if (this.dead) await never();
    if (second.length === first.length && second.every((each, at) => each.payload.equals(first[at]!.payload)))
      return second;
    // Endpoints fit one datagram: they are all from before, or all from after.
    if (type === MPTCP_FAMILY) return first;
    const half = Math.ceil(first.length / 2);
    return [...first.slice(0, half), ...second.slice(half)];
  }

  async #turn(): Promise<void> {
    await Promise.resolve();
    if (this.dead) await never();
    this.before();
  }

  /** The last change is done, and nobody hears of it. */
  async #age(): Promise<void> {
    if (this.life === null) return;
    if (this.life === 0) {
      this.dead = true;
      await never();
    }
    this.life--;
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
