/** Live MPTCP connections between the host and its provider; `ss` lists their subflows. */
import { once } from 'node:events';
import { createServer, Socket, type Server } from 'node:net';
import { execFileSync } from 'node:child_process';
import { expect } from 'vitest';
import { mptcpSocket } from '../../src/system/addon.ts';
import type { Netns, Version } from './netns.ts';

export const PORT = 7684;

export class Connections {
  readonly #host: Netns;
  readonly #provider: Netns;
  readonly #version: Version;
  readonly #sockets: Socket[] = [];
  readonly #accepted: Socket[] = [];
  #server: Server | null = null;
  /** Address of the server, which is behind every uplink. */
  readonly server: string;

  constructor(host: Netns, provider: Netns, version: Version) {
    [this.#host, this.#provider, this.#version] = [host, provider, version];
    this.server = version === 4 ? '10.99.0.1' : '2400:99::1';
  }

  /** Starts an echo server on an address of the provider, which accepts as many subflows as the kernel allows. */
  async listen(): Promise<void> {
    const bits = this.#version === 4 ? 32 : 128;
    this.#provider.ip(`address add ${this.server}/${bits} dev lo${this.#version === 6 ? ' nodad' : ''}`);
    this.#provider.ip('mptcp limits set subflows 8 add_addr_accepted 8');
    const fd = mptcpSocket(this.#family, {
      netns: this.#provider.path,
      listen: { address: this.server, port: PORT },
    });
    this.#server = createServer((socket) => {
      this.#sockets.push(socket);
      this.#accepted.push(socket);
      socket.on('error', () => socket.destroy());
      socket.pipe(socket);
    });
    this.#server.listen({ fd });
    await once(this.#server, 'listening');
  }

  get #family(): 'ipv4' | 'ipv6' {
    return this.#version === 4 ? 'ipv4' : 'ipv6';
  }

  /** Opens a connection from the host, from the given address if there is one. */
  async open(from?: string): Promise<Connection> {
    const fd = mptcpSocket(this.#family, {
      netns: this.#host.path,
      ...(from === undefined ? {} : { bind: { address: from, port: 0 } }),
    });
    const socket = new Socket({ fd });
    this.#sockets.push(socket);
    socket.connect({ host: this.server, port: PORT });
    await once(socket, 'connect');
    const connection = new Connection(socket);
    // New subflows are opened only after the connection is fully established.
    await connection.echo('hello');
    return connection;
  }

  /** The server sends to all clients. */
  push(text: string): void {
    for (const socket of this.#accepted) if (socket.writable) socket.write(text);
  }

  /** Returns the local addresses of the established subflows, one entry for each subflow; sorted. */
  subflows(): string[] {
    const text = execFileSync('ss', ['-N', this.#host.name, '-tnH', 'state', 'established'], {
      encoding: 'utf8',
    });
    return text
      .split('\n')
      .filter((line) => line.includes(`:${PORT}`))
      .map((line) => line.trim().split(/\s+/)[2] ?? '')
      .map((local) => local.slice(0, local.lastIndexOf(':')).replace(/%.*$/, '').replace(/[[\]]/g, ''))
      .sort();
  }

  /** Closes all connections on both sides. */
  async closeAll(): Promise<void> {
    for (const socket of this.#sockets.splice(0)) socket.destroy();
    await expect.poll(() => this.subflows()).toEqual([]);
  }

  async end(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    if (!this.#server) return;
    this.#server.close();
    await once(this.#server, 'close');
  }
}

export class Connection {
  readonly #socket: Socket;
  #received = '';
  error: Error | null = null;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('utf8').on('data', (text: string) => (this.#received += text));
    socket.on('error', (error) => (this.error = error));
  }

  get open(): boolean {
    return !this.#socket.destroyed && this.#socket.readyState === 'open';
  }

  close(): void {
    this.#socket.destroy();
  }

  send(word: string): void {
    this.#socket.write(`${word}\n`);
  }

  /** Sends a word and waits for its echo. */
  async echo(word: string): Promise<void> {
    this.send(word);
    await this.receives(word);
  }

  /** Waits for a word. The limit is long, because TCP retransmits late after a time without a path. */
  async receives(word: string): Promise<void> {
    await expect.poll(() => this.#received, { timeout: 60_000 }).toContain(`${word}\n`);
  }
}

/** Opens a connection from the address that the host's route gives, and exchanges words for as long as joins need. */
export async function openByRoute(connections: Connections): Promise<Connection> {
  const connection = await connections.open();
  for (let word = 0; word < 5; word++) await connection.echo(`word${word}`);
  return connection;
}
