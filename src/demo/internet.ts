/** The other host: a process with a network namespace of its own, and in it a server that sends an endless stream. */
import { createServer, type Socket } from 'node:net';
import { mptcpSocket } from '../system/addon.ts';
import { BLOCK, makeBlock } from './block.ts';
import { BYTES_PER_SECOND, SERVER } from './topology.ts';

/** Milliseconds between two portions. */
const TICK_MS = 4;
/** Bytes of a portion. After a delay, at most three portions are sent at once. */
const PORTION_BYTES = (BYTES_PER_SECOND * TICK_MS) / 1000;

/** The lines that this process prints. */
export type ServerWord = 'ready' | 'listening' | `sent ${number}`;

/** Ends when its standard input ends. The first line on it means that the server's address is configured. */
export async function internet(): Promise<never> {
  process.stdin.on('end', () => process.exit(0));
  process.stdin.once('data', () => {
    const server = createServer((socket) => stream(socket));
    server.listen({ fd: mptcpSocket('ipv4', { listen: SERVER }) }, () => send('listening'));
  });
  send('ready');
  return new Promise<never>(() => undefined);
}

const send = (word: ServerWord): boolean => process.stdout.write(`${word}\n`);

/** Sends blocks until the receiver ends its side, and then completes the current block. */
function stream(socket: Socket): void {
  socket.setNoDelay(true);
  let sequence = 0;
  let due = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    due = Math.min(due + ((now - last) * BYTES_PER_SECOND) / 1000, 3 * PORTION_BYTES);
    last = now;
    while (due >= BLOCK && !socket.writableNeedDrain) {
      socket.write(makeBlock(sequence++));
      due -= BLOCK;
    }
  }, TICK_MS);
  socket.on('end', () => {
    clearInterval(timer);
    socket.end(() => send(`sent ${sequence * BLOCK}`));
  });
  socket.on('error', () => clearInterval(timer));
  socket.resume();
}
