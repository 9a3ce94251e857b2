/** Attempts to make a daemon believe that another one runs, or to wake it without pause. */
import { describe, expect } from 'vitest';
import { test } from './attacker.ts';

const RULES = { 'eth*': 'subflow' };

/** Joins the group by which daemons of a namespace detect each other, in both possible ways. */
const JOIN = `
import socket
for port in (0, 4242):
    for way in ('join', 'bind'):
        mine = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 2)
        try:
            if way == 'join':
                mine.bind((port, 0))
                mine.setsockopt(270, 1, 27)
            else: mine.bind((port, 1 << 26))
            print('joined', port, way)
        except OSError as error: print(way, error.errno)
kept = []
for port in range(1, 400):
    kept.append(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 2))
    kept[-1].bind((port, 0))
print('stays', flush=True)
try:
    while True: input()
except EOFError: pass
`;

describe('a user without capabilities', () => {
  test.for([[], ['unshare', '--user', '--map-root-user']])(
    'cannot keep a daemon from starting; within: %s',
    async (within, { lab, attack }) => {
      lab.cable('eth0').connect();
      const attacker = attack(JOIN, { within });
      await attacker.says('stays');
      expect(attacker.lines.slice(0, 4)).toEqual(['join 1', 'bind 1', 'join 1', 'bind 1']);
      const daemon = await lab.daemon(RULES);
      await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
      // The attacker cannot make a second daemon start either.
      const { code, stderr } = await lab.prepare(RULES).finished();
      expect([code, stderr]).toEqual([75, expect.stringContaining(`pid ${daemon.pid}`)]);
    },
  );

  test('cannot fill a buffer of the daemon or wake it', async ({ lab, attack }) => {
    lab.cable('eth0').connect();
    await lab.daemon(RULES);
    const flood = `
import socket
mine = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 2)
mine.bind((0, 0))
for i in range(2000):
    try: mine.sendto(b'x' * 1000, (0, 1 << 26))
    except OSError as error: last = error.errno
for line in open('/proc/self/net/netlink'):
    sk, protocol, port, groups, waiting, *rest = line.split()
    if protocol == '2' and groups == '04000000': print('waiting', waiting)
`;
    expect(await attack(flood).done()).toEqual(['waiting 0']);
  });
});
