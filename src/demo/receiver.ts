/** The laptop's end of the stream: checks the data, records when it arrives, and sends a little, as applications do. */
import { once } from 'node:events';
import { Socket } from 'node:net';
import { mptcpSocket } from '../system/addon.ts';
import { BlockChecker } from './block.ts';
import { SERVER } from './topology.ts';
import type { Arrival } from './stall.ts';

/** Milliseconds between two messages to the server: a path is known to be dead only if data waits for an answer. */
const MESSAGE_MS = 10;
const MESSAGE = Buffer.alloc(64);

export class Receiver {
  readonly checker = new BlockChecker();
  /** All data callbacks so far. */
  readonly arrivals: Arrival[] = [];
  /** Resolves when the server has sent everything; rejects with an error of the socket or the content. */
  readonly done: Promise<void>;
  readonly #socket: Socket;
  readonly #timer: NodeJS.Timeout;
  #reported = 0;

  /** @throws SystemError */
  static async start(now: () => number): Promise<Receiver> {
    const socket = new Socket({ fd: mptcpSocket('ipv4'), allowHalfOpen: true });
    socket.connect({ host: SERVER.address, port: SERVER.port });
    await once(socket, 'connect');
    return new Receiver(socket, now);
  }

  private constructor(socket: Socket, now: () => number) {
    this.#socket = socket;
    socket.setNoDelay(true);
    this.#timer = setInterval(() => socket.write(MESSAGE), MESSAGE_MS);
    socket.on('data', (piece: Buffer) => {
      this.arrivals.push([now(), piece.length]);
      try {
        this.checker.take(piece);
      } catch (error) {
        socket.destroy(error as Error);
      }
    });
    this.done = once(socket, 'end').then(() => undefined);
  }

  get received(): number {
    return this.checker.bytes;
  }

  /** Returns the arrivals since the last call. */
  newArrivals(): Arrival[] {
    const fresh = this.arrivals.slice(this.#reported);
    this.#reported = this.arrivals.length;
    return fresh;
  }

  /** Asks the server to stop after the current block. */
  finish(): void {
    clearInterval(this.#timer);
    this.#socket.end();
  }
}
