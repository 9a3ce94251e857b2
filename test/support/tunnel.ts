/** A tunnel in user space: a tun device on the host, one at the provider, and two sockets between them. */
import { once } from 'node:events';
import type { ChildProcess } from 'node:child_process';
import type { Netns } from './netns.ts';

/** The outer address of the provider's end, and the inner addresses of both ends. */
export const SERVER = '10.98.0.1';
export const OUTER_PORT = 51_820;
export const INNER = { near: '10.200.0.2', far: '10.200.0.1', near6: 'fd20:200::2', far6: 'fd20:200::1' };

/**
 * CLONE_NEWNET is 0x40000000, SO_MARK 36, IPPROTO_MPTCP 262; TUNSETIFF with IFF_TUN | IFF_NO_PI. On a stream the length
 * comes before each packet. The program ends when its standard input ends.
 */
const RELAY = `
import ctypes, fcntl, os, select, socket, struct, sys
host, provider, device, mark, transport = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5]
outer = ('${SERVER}', ${OUTER_PORT})
libc = ctypes.CDLL(None, use_errno=True)
def enter(path):
    fd = os.open(path, os.O_RDONLY)
    if libc.setns(fd, 0x40000000): raise OSError(ctypes.get_errno(), 'setns')
def tun(name):
    fd = os.open('/dev/net/tun', os.O_RDWR)
    fcntl.ioctl(fd, 0x400454ca, struct.pack('16sH', name.encode(), 0x1001))
    return fd
def outside():
    if transport == 'mptcp': return socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
enter(provider)
far_tun, far = tun('far'), outside()
far.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
far.bind(outer)
if transport == 'mptcp': far.listen()
enter(host)
near_tun, near = tun(device), outside()
if mark: near.setsockopt(socket.SOL_SOCKET, 36, mark)
if transport == 'mptcp':
    near.connect(outer)
    # A listener that is closed refuses the subflows that join.
    listener = far
    far = listener.accept()[0]
else: near.bind(('0.0.0.0', 51821))
peer, rest = None, {near: b'', far: b''}
def packets(s):
    global peer
    # select(2) may report a socket that has nothing to read.
    data, sender = s.recvfrom(65536, socket.MSG_DONTWAIT)
    if transport == 'udp':
        if s is far: peer = sender
        return [data]
    rest[s] += data
    found = []
    while len(rest[s]) >= 2 and len(rest[s]) >= 2 + struct.unpack('!H', rest[s][:2])[0]:
        end = 2 + struct.unpack('!H', rest[s][:2])[0]
        found.append(rest[s][2:end])
        rest[s] = rest[s][end:]
    return found
def send(s, data):
    if transport == 'mptcp': s.sendall(struct.pack('!H', len(data)) + data)
    elif s is near: s.sendto(data, outer)
    elif peer: s.sendto(data, peer)
# Like a handshake: MPTCP adds no subflow before data has been acknowledged.
if transport == 'mptcp':
    for s in [near, far]: send(s, b'')
print('ready', flush=True)
while True:
    ready, _, _ = select.select([near_tun, near, far_tun, far, 0], [], [])
    try:
        if 0 in ready and not os.read(0, 1): break
        if near_tun in ready: send(near, os.read(near_tun, 65536))
        if far_tun in ready: send(far, os.read(far_tun, 65536))
        for s, to in [(near, near_tun), (far, far_tun)]:
            if s in ready:
                for packet in filter(None, packets(s)): os.write(to, packet)
    except OSError: pass
`;

export type Transport = 'udp' | 'mptcp';

export class Tunnel {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Opens a tunnel that is up and has addresses, but no route yet. */
  static async open(
    host: Netns,
    provider: Netns,
    device: string,
    mark: number,
    transport: Transport,
  ): Promise<Tunnel> {
    const child = host.spawn('python3', [
      '-c',
      RELAY,
      host.path,
      provider.path,
      device,
      `${mark}`,
      transport,
    ]);
    let trouble = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (trouble += text));
    await Promise.race([once(child.stdout!, 'data'), once(child, 'exit')]);
    if (child.exitCode !== null) throw new Error(`no tunnel: ${trouble}`);
    provider.ip(`address add ${INNER.far}/24 dev far`);
    provider.ip(`address add ${INNER.far6}/64 dev far nodad`);
    provider.ip('link set far mtu 1300 up');
    host.ip(`link set ${device} mtu 1300`);
    host.ip(`address add ${INNER.near}/24 dev ${device}`);
    host.ip(`address add ${INNER.near6}/64 dev ${device} nodad`);
    host.ip(`link set ${device} up`);
    return new Tunnel(child);
  }

  /** Removes both devices. */
  async end(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    this.#child.stdin?.end();
    await once(this.#child, 'exit');
  }
}

/** Counts TCP packets to or from a port on links of one namespace; answers each input line with the current number. */
const COUNTER = `
import select, socket, struct, sys
port, devices = int(sys.argv[1]), sys.argv[2:]
sockets = []
for device in devices:
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    s.bind((device, 0))
    sockets.append(s)
print('ready', flush=True)
count = 0
while True:
    ready, _, _ = select.select(sockets + [0], [], [])
    for s in ready:
        if s == 0: continue
        frame = s.recv(65536)
        kind = frame[12:14]
        if kind == b'\\x08\\x00' and frame[23] == 6: at = 14 + 4 * (frame[14] & 15)
        elif kind == b'\\x86\\xdd' and frame[20] == 6: at = 54
        else: continue
        if port in struct.unpack('!HH', frame[at:at + 4]): count += 1
    if 0 in ready and not [s for s in ready if s != 0]:
        if not sys.stdin.readline(): break
        print(count, flush=True)
`;

export class PacketCounter {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(netns: Netns, port: number, devices: readonly string[]): Promise<PacketCounter> {
    const child = netns.spawn('python3', ['-u', '-c', COUNTER, `${port}`, ...devices]);
    child.stdout?.setEncoding('utf8');
    await once(child.stdout!, 'data');
    return new PacketCounter(child);
  }

  /** Returns the current number of packets. */
  async count(): Promise<number> {
    const answer = once(this.#child.stdout!, 'data') as Promise<[string]>;
    this.#child.stdin?.write('\n');
    return Number((await answer)[0]);
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }
}
