/** The other side: a process that holds a network namespace, and the server in it that sends without an end. */
import { createServer, type Socket } from 'node:net';
import { mptcpSocket } from '../system/addon.ts';
import { BLOCK, makeBlock } from './block.ts';
import { PACE, SERVER } from './places.ts';

/** Milliseconds between two helpings. */
const TICK = 4;
/** What is not sent for lack of room is not made up for later. */
const HELPING = (PACE * TICK) / 1000;

/** What this process says and hears, a line each. */
export type ServerWord = 'ready' | 'listening' | `sent ${number}`;

/** Ends with its standard input; the first line that it reads says that the address is there. */
export async function internet(): Promise<never> {
  process.stdin.on('end', () => process.exit(0));
  process.stdin.once('data', () => {
    const server = createServer((socket) => send(socket));
    server.listen({ fd: mptcpSocket('ipv4', { listen: SERVER }) }, () => say('listening'));
  });
  say('ready');
  return new Promise<never>(() => undefined);
}

const say = (word: ServerWord): boolean => process.stdout.write(`${word}\n`);

/** Sends blocks until the other side says that it has enough, and then to the end of the block. */
function send(socket: Socket): void {
  socket.setNoDelay(true);
  let sequence = 0;
  let due = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    due = Math.min(due + ((now - last) * PACE) / 1000, 3 * HELPING);
    last = now;
    while (due >= BLOCK && !socket.writableNeedDrain) {
      socket.write(makeBlock(sequence++));
      due -= BLOCK;
    }
  }, TICK);
  socket.on('end', () => {
    clearInterval(timer);
    socket.end(() => say(`sent ${sequence * BLOCK}`));
  });
  socket.on('error', () => clearInterval(timer));
  socket.resume();
}
