/** The cost of one user's connections for other users. */
import { expect } from 'vitest';
import { reacts, test } from './attacker.ts';

test('a thousand connections of a user delay neither the daemon nor flush', async ({ lab, attack }) => {
  const cable = lab.cable('eth0').connect();
  lab.cable('eth1').connect();
  const daemon = await lab.daemon({ 'eth*': 'subflow' });
  await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
  const { server } = await lab.connections();
  const many = `
import resource, socket, sys
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 4096), most))
kept = []
for i in range(1000):
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
    s.connect((sys.argv[1], 7684))
    s.send(b'hello')
    s.recv(5)
    kept.append(s)
print('open', len(kept), flush=True)
sys.stdin.read()
`;
  expect(await attack(many, { args: [server] }).says('open')).toBe('1000');
  await reacts(lab, cable);
  const before = lab.host.endpoints();
  const flush = await daemon.command('flush');
  expect(flush.stderr).toContain('1000 open MPTCP connections');
  expect(lab.host.endpoints()).toEqual(before);
  expect((await daemon.command('flush', '--force')).code).toBe(0);
  expect(lab.host.endpoints()).toEqual([]);
});
