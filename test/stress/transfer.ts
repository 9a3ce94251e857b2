/** An MPTCP transfer in both directions with known content: one end at the host, one at the provider. */
import { once } from 'node:events';
import { expect } from 'vitest';
import type { ChildProcess } from 'node:child_process';
import { NetlinkConnection } from '../../src/netlink/connection.ts';
import { dumpSubflowSockets, type SubflowSocket } from '../../src/netlink/diag.ts';
import { NETLINK_SOCK_DIAG } from '../../src/system/addon.ts';
import { systemClock } from '../../src/system/clock.ts';
import type { Lab } from '../support/lab.ts';
import type { Netns } from '../support/netns.ts';

/** The server's address, which is behind every uplink. */
const SERVER = '10.99.0.1';
const PORT = 7690;
/** Bytes that prove progress: more than the buffers between both ends hold. */
const MOVED = 256 * 1024;

/**
 * IPPROTO_MPTCP is 262. Sends blocks of 1024 bytes: a number, and content that depends on it and on the direction.
 * Writes a line of JSON ten times a second, and a last one with both checksums; a line on standard input ends the
 * sending.
 */
const END = `
import hashlib, json, select, socket, struct, sys, time
role, port = sys.argv[1], int(sys.argv[2])
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
if role == 'server':
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((sys.argv[3], port))
    s.listen(1)
    print(json.dumps({'ready': True}), flush=True)
    # Joins need the listening socket, so it stays open.
    listener = s
    s = listener.accept()[0]
else:
    s.bind((sys.argv[4], 0))
    s.connect((sys.argv[3], port))
s.setblocking(False)
seeds = {each: hashlib.shake_256(each.encode()).digest(8192) for each in ('client', 'server')}
def block(who, n):
    at = n * 37 % 4093
    return struct.pack('>Q', n) + seeds[who][at:at + 1016]
other = 'client' if role == 'server' else 'server'
sums = {'sent': hashlib.sha256(), 'received': hashlib.sha256()}
count = {'sent': 0, 'received': 0, 'wrong': 0}
made = read = 0
out, rest = b'', b''
ending = shut = over = False
shown = credited = time.monotonic()
credit = 0
try:
    while not (shut and over):
        now = time.monotonic()
        credit = min(65536, credit + (now - credited) * 1.5e6)
        credited = now
        while not ending and credit >= 1024 and len(out) < 65536:
            out += block(role, made)
            made += 1
            credit -= 1024
        if ending and not out and not shut:
            s.shutdown(socket.SHUT_WR)
            shut = True
        waits = [] if over else [s]
        if not ending: waits.append(sys.stdin)
        readable, writable, _ = select.select(waits, [s] if out else [], [], 0.005)
        # MPTCP may be reported as ready although there is nothing to read or no room (select(2), BUGS).
        if writable:
            try: n = s.send(out)
            except BlockingIOError: n = 0
            sums['sent'].update(out[:n])
            count['sent'] += n
            out = out[n:]
        if sys.stdin in readable: ending = True
        if s in readable:
            try: got = s.recv(1 << 18)
            except BlockingIOError: got = None
            if got == b'': over = ending = True
            sums['received'].update(got or b'')
            count['received'] += len(got or b'')
            rest += got or b''
            while len(rest) >= 1024:
                if rest[:1024] != block(other, read): count['wrong'] += 1
                read += 1
                rest = rest[1024:]
        if now - shown > 0.1:
            print(json.dumps(count), flush=True)
            shown = now
    if rest: count['wrong'] += 1
    print(json.dumps({**count, 'sums': {k: v.hexdigest() for k, v in sums.items()}}), flush=True)
except OSError as error:
    print(json.dumps({**count, 'broken': error.strerror}), flush=True)
`;

interface Report {
  readonly ready?: boolean;
  readonly sent: number;
  readonly received: number;
  /** The number of wrong blocks. */
  readonly wrong: number;
  readonly broken?: string;
  readonly sums?: { readonly sent: string; readonly received: string };
}

class End {
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  report: Report = { sent: 0, received: 0, wrong: 0 };
  trouble = '';

  constructor(netns: Netns, args: readonly string[]) {
    this.#child = netns.spawn('python3', ['-c', END, ...args]);
    this.#closed = once(this.#child, 'close');
    let rest = '';
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      const last = lines.at(-1);
      if (last) this.report = { ...this.report, ...(JSON.parse(last) as Report) };
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.trouble += text));
  }

  /** Ends the sending. */
  finish(): void {
    this.#child.stdin?.write('\n');
  }

  closed(): Promise<unknown> {
    return this.#closed;
  }

  async end(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill('SIGKILL');
    await this.#closed;
  }
}

export class Transfer {
  readonly #lab: Lab;
  readonly #client: End;
  readonly #server: End;

  private constructor(lab: Lab, client: End, server: End) {
    [this.#lab, this.#client, this.#server] = [lab, client, server];
  }

  /** Connects from this address of the host to the `number`th port. */
  static async open(lab: Lab, from: string, number = 0): Promise<Transfer> {
    if (number === 0) {
      lab.provider.ip(`address add ${SERVER}/32 dev lo`);
      lab.provider.ip('mptcp limits set subflows 8 add_addr_accepted 8');
    }
    const port = String(PORT + number);
    const server = new End(lab.provider, ['server', port, SERVER]);
    await expect.poll(() => server.trouble + String(server.report.ready)).toBe('true');
    return new Transfer(lab, new End(lab.host, ['client', port, SERVER, from]), server);
  }

  /** Bytes received by both ends. */
  get moved(): number {
    return this.#client.report.received + this.#server.report.received;
  }

  /** Checks that the connection is not broken and that no byte is wrong. */
  whole(): void {
    for (const { report, trouble } of [this.#client, this.#server]) {
      expect(report).toMatchObject({ wrong: 0 });
      expect(report.broken).toBeUndefined();
      expect(trouble).toBe('');
    }
  }

  /** Waits for progress in both directions. */
  async moves(): Promise<void> {
    const ends = [this.#client, this.#server];
    const before = ends.map(({ report }) => report.received);
    const least = (): number => Math.min(...ends.map(({ report }, at) => report.received - before[at]!));
    const broken = (): boolean => ends.some(({ report, trouble }) => report.broken ?? trouble);
    await expect.poll(() => broken() || least() > MOVED, { timeout: 60_000 }).toBe(true);
    this.whole();
  }

  /**
   * Completes the transfer and checks that everything that was sent was received.
   * @returns bytes of both directions
   */
  async finish(): Promise<number> {
    this.#client.finish();
    await Promise.all([this.#client.closed(), this.#server.closed()]);
    this.whole();
    const [client, server] = [this.#client.report, this.#server.report];
    expect(client.sums?.sent).toMatch(/^[0-9a-f]{64}$/);
    expect([client.sums?.sent, client.sent]).toEqual([server.sums?.received, server.received]);
    expect([server.sums?.sent, server.sent]).toEqual([client.sums?.received, client.received]);
    return client.received + server.received;
  }

  /** Returns the host's established subflows of all connections, by address. */
  async subflows(): Promise<SubflowSocket[]> {
    const diag = new NetlinkConnection({
      protocol: NETLINK_SOCK_DIAG,
      clock: systemClock,
      netns: this.#lab.host.path,
    });
    try {
      const sockets = await dumpSubflowSockets(diag);
      return sockets
        .filter(({ state }) => state === 'ESTAB')
        .sort((a, b) => (a.local.address < b.local.address ? -1 : 1));
    } finally {
      diag.close();
    }
  }

  /** Returns the local addresses of the subflows, one entry for each subflow; sorted. */
  async addresses(): Promise<string[]> {
    return (await this.subflows()).map(({ local }) => local.address);
  }

  /** Identifies each subflow: another socket has another cookie, another connection another token. */
  async identities(): Promise<string[]> {
    const sockets = await this.subflows();
    return sockets.map(({ token, cookie, ids, local }) => `${token} ${cookie} ${ids.local} ${local.address}`);
  }

  async end(): Promise<void> {
    await Promise.all([this.#client.end(), this.#server.end()]);
  }
}
