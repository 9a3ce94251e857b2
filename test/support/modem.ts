/** A simulated modem: a tun device, POINTOPOINT and NOARP, whose carrier is set by the process that holds it open. */
import { once } from 'node:events';
import type { ChildProcess } from 'node:child_process';
import type { Netns } from './netns.ts';

/** TUNSETIFF with IFF_TUN | IFF_NO_PI, and TUNSETCARRIER; linux/if_tun.h. Lines on standard input: 0 or 1. */
const HOLDER = `
import fcntl, os, struct, sys
tun = os.open('/dev/net/tun', os.O_RDWR)
fcntl.ioctl(tun, 0x400454ca, struct.pack('16sH', sys.argv[1].encode(), 0x1001))
print('ready', flush=True)
for line in sys.stdin:
    fcntl.ioctl(tun, 0x400454e2, struct.pack('i', int(line)))
`;

export class Modem {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async plug(netns: Netns, device: string): Promise<Modem> {
    const child = netns.spawn('python3', ['-c', HOLDER, device]);
    let trouble = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (trouble += text));
    await Promise.race([once(child.stdout!, 'data'), once(child, 'exit')]);
    if (child.exitCode !== null) throw new Error(`no tun device: ${trouble}`);
    return new Modem(child);
  }

  carrier(on: boolean): void {
    this.#child.stdin?.write(on ? '1\n' : '0\n');
  }

  /** Unplugs the modem, which removes the device. */
  async end(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    this.#child.stdin?.end();
    await once(this.#child, 'exit');
  }
}
