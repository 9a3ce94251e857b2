/** A cable whose packets a program forwards: it delays or drops them, while both ends have carrier. */
import { once } from 'node:events';
import type { ChildProcess } from 'node:child_process';
import { createInterface, type Interface } from 'node:readline';
import { Cable } from './cable.ts';
import { Netns } from './netns.ts';

/** Reads commands: `delay MS` in each direction, `cut none|all|ip`, `loss PERCENT`. Each is answered with a line. */
const FORWARDER = `
import heapq, random, select, socket, sys, time
SOL_PACKET, PACKET_VNET_HDR, PACKET_IGNORE_OUTGOING, ETH_P_ALL = 263, 15, 23, 3
SO_RCVBUFFORCE = 33
def opened(device):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    # With its header a packet keeps its size and a checksum that is still to be computed.
    s.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    s.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    # A burst of a thousand packets needs more than a user other than root may have (net.core.rmem_max).
    try: s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20)
    except PermissionError: s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    s.bind((device, ETH_P_ALL))
    s.setblocking(False)
    return s
near, far = opened(sys.argv[1]), opened(sys.argv[2])
delay, cut, loss, queue, count = 0.0, 'none', 0.0, [], 0
due = [0.0, 0.0]
print('ready', flush=True)
while True:
    wait = max(0, queue[0][0] - time.monotonic()) if queue else None
    ready = select.select([near, far, sys.stdin], [], [], wait)[0]
    if sys.stdin in ready:
        words = sys.stdin.readline().split()
        if not words: break
        if words[0] == 'delay': delay = float(words[1]) / 1000
        if words[0] == 'cut': cut = words[1]
        if words[0] == 'loss': loss = float(words[1]) / 100
        print('done', flush=True)
    for at, (come, go) in enumerate(((near, far), (far, near))):
        if come not in ready: continue
        for _ in range(64):
            try: packet = come.recv(70000)
            except BlockingIOError: break
            arp = packet[22:24] == b'\\x08\\x06'
            if cut == 'all' or (cut == 'ip' and not arp): continue
            if loss and not arp and random.random() < loss: continue
            due[at] = max(time.monotonic() + delay, due[at])
            count += 1
            heapq.heappush(queue, (due[at], count, go, packet))
    while queue and queue[0][0] <= time.monotonic():
        try: queue[0][2].send(queue[0][3])
        except OSError: pass
        heapq.heappop(queue)
`;

export class Line {
  readonly cable: Cable;
  readonly #middle: Netns;
  readonly #child: ChildProcess;
  readonly #lines: Interface;

  private constructor(host: Netns, provider: Netns, device: string, network: number) {
    this.#middle = new Netns(`line-${process.pid}-${device}-${network}`);
    this.cable = new Cable(host, provider, device, network, this.#middle);
    this.#child = this.#middle.spawn('python3', ['-c', FORWARDER, 'near', 'far']);
    this.#lines = createInterface({ input: this.#child.stdout! });
  }

  static async lay(host: Netns, provider: Netns, device: string, network: number): Promise<Line> {
    const line = new Line(host, provider, device, network);
    let trouble = '';
    line.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (trouble += text));
    const ended = once(line.#child, 'exit').then(() => Promise.reject(new Error(trouble)));
    await Promise.race([once(line.#lines, 'line'), ended]);
    return line;
  }

  /** Delays packets by this time in each direction. */
  delay(milliseconds: number): Promise<void> {
    return this.#say(`delay ${milliseconds}`);
  }

  /** Drops all packets, or all but ARP, like a router that has lost its provider. */
  cut(what: 'all' | 'ip'): Promise<void> {
    return this.#say(`cut ${what}`);
  }

  restore(): Promise<void> {
    return this.#say('cut none');
  }

  /** Drops this percentage of the packets in each direction, but no ARP. */
  lose(percent: number): Promise<void> {
    return this.#say(`loss ${percent}`);
  }

  async #say(command: string): Promise<void> {
    this.#child.stdin?.write(`${command}\n`);
    await once(this.#lines, 'line');
  }

  async end(): Promise<void> {
    this.#child.kill('SIGKILL');
    await once(this.#child, 'close');
    this.#middle.delete();
  }
}
