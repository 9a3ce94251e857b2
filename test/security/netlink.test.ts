/** Messages to the daemon's netlink sockets that are not from the kernel, and events that a user can cause. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { expect } from 'vitest';
import { finished } from '../support/daemon.ts';
import type { Lab } from '../support/lab.ts';
import { reacts, test } from './attacker.ts';

const RULES = { 'eth*': 'subflow', 'tun*': 'subflow' };

/** The daemon's sockets in /proc/net/netlink: protocol, port and number of dropped messages. */
function socketsOf(lab: Lab, pid: number): { protocol: number; port: number; drops: number }[] {
  const inodes = lab.host.sh(`ls -l /proc/${pid}/fd`);
  return lab.host
    .sh('cat /proc/net/netlink')
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((parts) => inodes.includes(`socket:[${parts.at(-1)}]`))
    .map(([, protocol, port, , , , , , drops]) => ({
      protocol: Number(protocol),
      port: Number(port),
      drops: Number(drops),
    }));
}

/** RTM_DELADDR and RTM_DELLINK of eth0, as the kernel would send them; to each port, and to each group. */
const FORGE = `
import collections, socket, struct, sys
index, count = int(sys.argv[1]), int(sys.argv[2])
def message(kind, body): return struct.pack('=IHHII', 16 + len(body), kind, 0, 0, 0) + body
forged = message(21, struct.pack('=BBBBI', 2, 24, 128, 0, index) + struct.pack('=HH4s', 8, 1, bytes([10, 1, 0, 2])))
forged += message(17, struct.pack('=BxHiII', 0, 1, index, 0, 0xffffffff)) + message(25, bytes([2]) + bytes(11))
said = collections.Counter()
for each in sys.argv[3:]:
    protocol, port, groups = map(int, each.split(':'))
    s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol)
    s.bind((0, 0))
    for i in range(count):
        try:
            s.sendto(forged, (port, groups))
            said['sent'] += 1
        except OSError as error: said[error.errno] += 1
for what, times in said.items(): print(what, times)
`;

test('only root can send to the sockets, and messages of root are ignored', async ({ lab, attack }) => {
  const cable = lab.cable('eth0').connect();
  // The last path would stay.
  lab.cable('eth1').connect();
  const daemon = await lab.daemon(RULES, { args: ['--debug'] });
  await expect.poll(() => daemon.changes().filter((change) => change === 'endpoint add')).toHaveLength(2);
  const before = lab.host.state();
  const done = daemon.changes();
  // Users can send to NETLINK_USERSOCK; a filter drops all of it (claim.test.ts).
  const USERSOCK = 2;
  // Only open while the sockets of connections are read.
  const SOCK_DIAG = 4;
  const all = socketsOf(lab, daemon.pid).filter(({ protocol }) => protocol !== SOCK_DIAG);
  const sockets = all.filter(({ protocol }) => protocol !== USERSOCK);
  expect(all.length - sockets.length).toBe(1);
  expect(sockets.map(({ protocol }) => protocol).sort((a, b) => a - b)).toEqual([0, 0, 0, 16, 16]);
  const targets = sockets.map(({ protocol, port }) => `${protocol}:${port}:0`);
  // The groups of links, addresses, routes and policy rules: all below 32.
  const args = [String(lab.host.index('eth0')), '2000', ...targets, `0:0:${0x7fffffff}`];
  const EPERM = 1;
  for (const within of [[], ['unshare', '--user', '--map-root-user']])
    expect(await attack(FORGE, { within, args }).done()).toEqual([`${EPERM} ${2000 * (targets.length + 1)}`]);
  const { stdout } = await finished(lab.host.spawn('python3', ['-c', FORGE, ...args]));
  expect(stdout).toMatch(/^sent \d+\n/);
  expect(lab.host.state()).toEqual(before);
  expect(await daemon.stateOf(cable.address())).toMatch(/^active/);
  expect(daemon.changes()).toEqual(done);
  await reacts(lab, cable);
});

test('an outdated event has no effect', async ({ lab }) => {
  const cable = lab.cable('eth0').connect();
  const daemon = await lab.daemon(RULES, { args: ['--debug'] });
  await expect.poll(() => daemon.changes()).toContain('endpoint add');
  const done = daemon.changes();
  daemon.signal('SIGSTOP');
  for (let i = 0; i < 20; i++) {
    cable.addAddress(4, 9).deleteAddress(4, 9);
    lab.host.ip('rule add pref 77 lookup 77 protocol 86');
    lab.host.ip('rule del pref 77');
    lab.host.ip('route add default via 10.1.0.1 dev eth0 metric 9');
    lab.host.ip('route del default via 10.1.0.1 dev eth0 metric 9');
  }
  daemon.signal('SIGCONT');
  await expect.poll(async () => (await daemon.status())?.daemon?.pid).toBe(daemon.pid);
  expect(await daemon.stateOf(cable.address())).toMatch(/^active/);
  expect(daemon.changes()).toEqual(done);
});

/** udev lets every user open it; if no program set its mode, root creates another node of the same device. */
function tunNode(): string | null {
  const usual = '/dev/net/tun';
  if (!existsSync(usual)) return null;
  if ((statSync(usual).mode & 0o006) === 0o006) return usual;
  const own = '/run/tun-for-every-user';
  const made = existsSync(own) || spawnSync('mknod', ['--mode=666', own, 'c', '10', '200']).status === 0;
  return made ? own : null;
}

test('a user who toggles a link without pause does not delay other uplinks', async ({
  lab,
  attack,
  skip,
}) => {
  const node = tunNode();
  if (node === null) skip('/dev/net/tun is not there, or not for every user');
  const cable = lab.cable('eth0').connect();
  // The cable's endpoint is removed only while another uplink is active.
  lab.cable('eth1').connect();
  lab.host.ip('tuntap add dev tun0 mode tun user 65534');
  lab.host.ip('link set tun0 up');
  lab.host.ip('address add 10.77.0.1/24 dev tun0');
  lab.host.ip('route add default dev tun0 metric 900');
  const daemon = await lab.daemon(RULES);
  await expect.poll(() => lab.host.endpoints().map(({ dev }) => dev)).toContain('eth0');
  const toggle = `
import fcntl, os, struct, time
def tun():
    fd = os.open('${node}', os.O_RDWR)
    fcntl.ioctl(fd, 0x400454ca, struct.pack('16sH22x', b'tun0', 0x1001))
    return fd
os.close(tun())
print('begun', flush=True)
while True:
    fd = tun()
    for i in range(50): fcntl.ioctl(fd, 0x400454e2, struct.pack('i', i & 1))
    os.close(fd)
`;
  const attacker = attack(toggle);
  await attacker.says('begun');
  await reacts(lab, cable);
  await attacker.end();
  expect((await daemon.status())?.daemon).toMatchObject({ pid: daemon.pid, overruns: 0 });
  // Afterwards the daemon is idle: less than a tenth of a processor.
  await expect.poll(() => daemon.stateOf('tun0')).toMatch(/no carrier/);
  const ticks = (): number => {
    const [, user, system] = /\) (?:\S+ ){11}(\d+) (\d+)/.exec(
      readFileSync(`/proc/${daemon.pid}/stat`, 'utf8'),
    )!;
    return Number(user) + Number(system);
  };
  await expect
    .poll(async () => {
      const before = ticks();
      await new Promise((resolve) => setTimeout(resolve, 500));
      return ticks() - before;
    })
    .toBeLessThan(5);
});
