/** A host in an uplink's network that floods it with router advertisements, each with another lifetime. */
import { expect } from 'vitest';
import { test, type Lab } from '../support/lab.ts';

const UPLINKS = 60;
const FLOOD = `
import socket, struct, time
s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, 58)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'to-eth1\\0')
to = ('ff02::1', 0, 0, socket.if_nametoindex('to-eth1'))
n = 0
while True:
    n += 1
    life = 10000 + n % 100
    advertisement = struct.pack('!BBHBBHII', 134, 0, 0, 64, 0, 0, 0, 0)
    advertisement += struct.pack('!BBBBIII', 3, 4, 64, 0xc0, life, life, 0) + bytes.fromhex('20010db8beef0000') + bytes(8)
    s.sendto(advertisement, to)
    time.sleep(1 / 5000)
`;

async function flood(lab: Lab): Promise<{ end: () => void }> {
  for (let each = 0; each < UPLINKS; each++) lab.cable(`eth${each}`).connect();
  const child = lab.provider.spawn('python3', ['-c', FLOOD]);
  // Another link with many uplinks, in a network whose addresses are advertised thousands of times a second.
  await expect.poll(() => lab.host.ip('-6 address show dev eth1')).toContain('2001:db8:beef');
  return { end: () => child.kill('SIGKILL') };
}

test('a flood of router advertisements does not delay the end of a pass or a flush', async ({ lab }) => {
  const { end } = await flood(lab);
  try {
    const once = await lab.prepare({ 'eth*': 'subflow' }, { args: ['--once'] }).finished();
    expect(once).toMatchObject({ code: 0 });
    expect(lab.host.endpoints()).toHaveLength(8);
    const daemon = await lab.daemon({ 'eth*': 'subflow' });
    const { code, stdout } = await daemon.command('flush', '--force');
    expect([code, stdout.match(/^endpoint delete/gm)?.length]).toEqual([0, 8]);
    expect(lab.host.endpoints()).toEqual([]);
  } finally {
    end();
  }
});
