/**
 * Helpers for the tests of the addon: requests as bytes, a way to wait, and a namespace for each test, because test
 * files run in parallel and would receive each other's events.
 */

import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { test as base } from 'vitest';
import { openNetlink, type NetlinkSocket, type NetlinkSocketOptions } from '../../src/system/addon.ts';
import { Netns } from '../support/netns.ts';

export const RTM_NEWLINK = 16;
export const RTM_GETLINK = 18;
export const RTM_NEWADDR = 20;
export const RTNLGRP_LINK = 1;
export const RTNLGRP_IPV4_IFADDR = 5;

/** True if the tests have a network namespace of their own; otherwise prints it once. */
export const isPrivate = process.env['MULTIHOMED_TEST_NETNS'] === '1';
if (!isPrivate)
  console.log("skipped: MULTIHOMED_TEST_NETNS=1 is not set, so this may be the host's own network");

/** struct nlmsghdr and struct ifinfomsg: requests a link by its index, or all links. */
export function getLink(sequence: number, index: number): Buffer {
  const bytes = Buffer.alloc(32);
  bytes.writeUInt32LE(bytes.length, 0);
  bytes.writeUInt16LE(RTM_GETLINK, 4);
  bytes.writeUInt16LE(index === 0 ? 0x301 : 0x5, 6); // NLM_F_REQUEST with NLM_F_DUMP, or NLM_F_ACK
  bytes.writeUInt32LE(sequence, 8);
  bytes.writeInt32LE(index, 20);
  return bytes;
}

export interface Message {
  type: number;
  sequence: number;
}

/** Every message of every datagram. */
export function messages(buffer: Buffer, spans: Uint32Array): Message[] {
  const found: Message[] = [];
  for (let i = 0; i < spans.length; i += 2) {
    const end = (spans[i] ?? 0) + (spans[i + 1] ?? 0);
    for (let at = spans[i] ?? 0; at + 16 <= end; at += (buffer.readUInt32LE(at) + 3) & ~3) {
      found.push({ type: buffer.readUInt16LE(at + 4), sequence: buffer.readUInt32LE(at + 8) });
    }
  }
  return found;
}

export interface Listener {
  socket: NetlinkSocket;
  received: Message[];
  overruns: number;
}

/** Waits until the condition holds, at most twenty seconds. */
export async function until(condition: () => boolean): Promise<void> {
  for (const end = Date.now() + 20_000; !condition() && Date.now() < end;) await sleep(10);
}

/** Waits until all earlier events have been received: the answer to a request follows them. */
export async function upToNow({ socket, received }: Listener): Promise<void> {
  const sequence = 0xffff;
  const answers = (): number => received.filter((each) => each.sequence === sequence).length;
  const before = answers();
  await socket.send(getLink(sequence, 1));
  await until(() => answers() >= before + 2);
}

/** Without the answers to requests. */
export const announced = ({ received }: Listener): Message[] =>
  received.filter(({ sequence }) => sequence === 0);

/** Opens a socket that records what it receives; in the namespace that all files share if none is named. */
export function listen(options: Partial<NetlinkSocketOptions> = {}): Listener {
  const listener: Omit<Listener, 'socket'> = { received: [], overruns: 0 };
  const socket = openNetlink({
    protocol: 0,
    onBatch: (buffer, spans) => void listener.received.push(...messages(buffer, spans)),
    onOverrun: () => void listener.overruns++,
    onError: (error) => {
      throw error;
    },
    ...options,
  });
  return Object.assign(listener, { socket });
}

let count = 0;

/** A namespace of one test, with the loopback device up. */
export class Net extends Netns {
  constructor() {
    super(`native-${process.pid}-${++count}`);
  }

  listen(options: Partial<NetlinkSocketOptions> = {}): Listener {
    return listen({ netns: this.path, ...options });
  }

  /** Runs one `ip -batch` for all of them. */
  batch(...commands: string[]): void {
    execFileSync('ip', ['-n', this.name, '-batch', '-'], {
      input: `${commands.join('\n')}\n`,
      stdio: ['pipe', 'ignore', 'inherit'],
    });
  }

  /** Adds and deletes `count` addresses on the loopback device: two events each. */
  comeAndGo(count: number): void {
    const addresses = Array.from({ length: count }, (_, i) => `10.77.${i >> 8}.${i & 255}/32 dev lo`);
    this.batch(...addresses.flatMap((address) => [`address add ${address}`, `address delete ${address}`]));
  }
}

export const test = base.extend<{ net: Net }>({
  // oxlint-disable-next-line no-empty-pattern -- vitest reads the parameter's shape
  net: async ({}, use) => {
    const net = new Net();
    try {
      await use(net);
    } finally {
      net.delete();
    }
  },
});
