/**
 * Open sockets of the host, and servers with the same address in several networks. Each server answers with its name.
 */
import { once } from 'node:events';
import type { ChildProcess } from 'node:child_process';
import { createInterface, type Interface } from 'node:readline';
import type { Netns } from './netns.ts';

export const OUTSIDE = '198.51.100.9';
const PORT = 7685;

const SERVER = `
import socket, sys, threading
name, address = sys.argv[1].encode(), sys.argv[2]
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind((address, ${PORT}))
tcp = socket.create_server((address, ${PORT}))
def datagrams():
    while True:
        _, sender = udp.recvfrom(100)
        udp.sendto(name, sender)
def stream(c):
    try:
        while c.recv(100): c.sendall(name)
    except OSError: pass
threading.Thread(target=datagrams, daemon=True).start()
print('ready', flush=True)
while True:
    c, _ = tcp.accept()
    threading.Thread(target=stream, args=(c,), daemon=True).start()
`;

/** Prints one line for each word on standard input: the names in the answers. */
const CLIENT = `
import socket, sys
source, address = sys.argv[1], sys.argv[2]
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind((source, 0))
udp.connect((address, ${PORT}))
tcp = socket.create_connection((address, ${PORT}), 5, (source, 0))
udp.settimeout(2)
tcp.settimeout(5)
def ask(s):
    try:
        s.send(b'x')
        return s.recv(100).decode()
    except OSError as e:
        return 'nobody'
def fresh():
    try: return ask(socket.create_connection((address, ${PORT}), 2, (source, 0)))
    except OSError: return 'nobody'
print('ready', flush=True)
for _ in sys.stdin:
    print(ask(udp), ask(tcp), fresh(), flush=True)
`;

/** Starts a server in the namespace; it answers with `name`. */
export async function serve(netns: Netns, name: string, address = OUTSIDE): Promise<ChildProcess> {
  if (address === OUTSIDE) netns.ip(`address add ${address}/32 dev lo`);
  const server = netns.spawn('python3', ['-c', SERVER, name, address]);
  await once(server.stdout!, 'data');
  return server;
}

/** Sockets that are open from one address of the host: a connected UDP socket and a TCP connection. */
export class Talk {
  readonly #child: ChildProcess;
  readonly #lines: Interface;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout! });
  }

  static async open(host: Netns, source: string, address = OUTSIDE): Promise<Talk> {
    const child = host.spawn('python3', ['-c', CLIENT, source, address]);
    let trouble = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (trouble += text));
    const talk = new Talk(child);
    const ended = once(child, 'exit').then(() => Promise.reject(new Error(trouble)));
    await Promise.race([once(talk.#lines, 'line'), ended]);
    return talk;
  }

  /** Returns the answers on the UDP socket, on the TCP connection, and on a new connection from the same address. */
  async ask(): Promise<string> {
    this.#child.stdin?.write('ask\n');
    const [line] = (await once(this.#lines, 'line')) as [string];
    return line;
  }

  end(): void {
    this.#child.kill('SIGKILL');
  }
}
