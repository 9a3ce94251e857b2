/** A tunnel over UDP in user space: a tun device on the host, one at the provider, and two sockets between them. */
import { once } from 'node:events';
import type { ChildProcess } from 'node:child_process';
import type { Netns } from './netns.ts';

/** The outer address of the far side, and the inner addresses of both. */
export const SERVER = '10.98.0.1';
export const INNER = { near: '10.200.0.2', far: '10.200.0.1', near6: 'fd20:200::2', far6: 'fd20:200::1' };

/** CLONE_NEWNET is 0x40000000, SO_MARK 36; TUNSETIFF with IFF_TUN | IFF_NO_PI. Ends when its standard input ends. */
const RELAY = `
import ctypes, fcntl, os, select, socket, struct, sys
host, provider, device, mark = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
libc = ctypes.CDLL(None, use_errno=True)
def enter(path):
    fd = os.open(path, os.O_RDONLY)
    if libc.setns(fd, 0x40000000): raise OSError(ctypes.get_errno(), 'setns')
def side(path, name, address):
    enter(path)
    tun = os.open('/dev/net/tun', os.O_RDWR)
    fcntl.ioctl(tun, 0x400454ca, struct.pack('16sH', name.encode(), 0x1001))
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(address)
    return tun, udp
far_tun, far = side(provider, 'far', ('${SERVER}', 51820))
near_tun, near = side(host, device, ('0.0.0.0', 51821))
if mark: near.setsockopt(socket.SOL_SOCKET, 36, mark)
print('ready', flush=True)
peer = None
while True:
    ready, _, _ = select.select([near_tun, near, far_tun, far, 0], [], [])
    try:
        if 0 in ready and not os.read(0, 1): break
        if near_tun in ready: near.sendto(os.read(near_tun, 65536), ('${SERVER}', 51820))
        if near in ready: os.write(near_tun, near.recv(65536))
        if far in ready:
            data, peer = far.recvfrom(65536)
            os.write(far_tun, data)
        if far_tun in ready:
            data = os.read(far_tun, 65536)
            if peer: far.sendto(data, peer)
    except OSError: pass
`;

export class Tunnel {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Opens a tunnel that is up and has addresses, but no route yet. */
  static async open(host: Netns, provider: Netns, device: string, mark: number): Promise<Tunnel> {
    const child = host.spawn('python3', ['-c', RELAY, host.path, provider.path, device, `${mark}`]);
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
