/** Probes over each uplink (`health: { probe }`), for hosts without MPTCP traffic; `ip` is the oracle. */
import type { ChildProcess } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect } from 'vitest';
import { test, type Lab } from '../support/lab.ts';
import type { Line } from '../support/line.ts';

const RULES = { eth0: 'subflow', wwan0: 'subflow' };
/** Behind both routers. */
const TARGET = '203.0.113.9';
const PROBE = { interval: '1s', timeout: '300ms', up: 1, down: 2 };
const children: ChildProcess[] = [];
afterEach(() => children.splice(0).forEach((child) => child.kill('SIGKILL')));

const SLOW = { timeout: 20_000 };

async function setUp(lab: Lab, track: string | readonly string[], more: object = {}) {
  const lines: readonly Line[] = [await lab.line('eth0'), await lab.line('wwan0')];
  for (const { cable } of lines) cable.connect();
  lab.provider.ip(`address add ${TARGET}/32 dev lo`);
  lab.host.sysctl('net.ipv4.ping_group_range', '0 2147483647');
  const daemon = await lab.daemon(
    JSON.stringify({ rules: RULES, health: { probe: { ...PROBE, track } }, ...more }),
  );
  await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
  return { eth: lines[0]!, wwan: lines[1]!, daemon };
}

const addresses = (lab: Lab): string[] => lab.host.endpoints().map(({ address }) => address);

test('probe: a router that stops forwarding is found without traffic, and the uplink returns', async ({
  lab,
}) => {
  const folder = join(lab.folder, 'hooks');
  const file = join(lab.folder, 'calls');
  mkdirSync(folder);
  writeFileSync(join(folder, '10-tell'), `#!/bin/sh\necho "$1 $2 $MULTIHOMED_REASON" >>${file}\n`);
  chmodSync(join(folder, '10-tell'), 0o755);
  const { eth, daemon } = await setUp(lab, TARGET, { hooks: { path: folder } });
  // The router still answers ARP.
  await eth.cut('ip');
  await expect
    .poll(() => daemon.stateOf('eth0'), SLOW)
    .toBe(`suspect: no answer from ${TARGET} for 2 probes`);
  await expect.poll(() => addresses(lab)).toEqual(['10.2.0.2']);
  expect(lab.host.ruleTexts().filter((words) => words.includes('10.1.0.2'))).not.toEqual([]);
  expect((await daemon.uplink('10.1.0.2'))?.suspect).toMatchObject({ code: 'probe-failed' });
  const { stdout } = await daemon.command('explain', 'eth0');
  expect(stdout.replaceAll(/\s+/g, ' ')).toContain(`no answer from ${TARGET} for 2 probes`);
  await eth.restore();
  await expect.poll(() => daemon.stateOf('eth0'), SLOW).toMatch(/^active/);
  expect(addresses(lab).sort()).toEqual(['10.1.0.2', '10.2.0.2']);
  const calls = (): string => (existsSync(file) ? readFileSync(file, 'utf8') : '');
  await expect.poll(calls).toMatch(/^eth0 down suspect: no answer from .* for 2 probes$/m);
  await expect.poll(calls).toMatch(/eth0 up default route through 10\.1\.0\.1\n$/);
});

test('probe: one target of several that is down changes nothing; on all paths down, the endpoints stay', async ({
  lab,
}) => {
  const { eth, wwan, daemon } = await setUp(lab, ['203.0.113.99', `tcp://${TARGET}:9`]);
  // A refused connection is an answer.
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  expect(daemon.log).not.toContain('suspect');
  await Promise.all([eth.cut('all'), wwan.cut('all')]);
  await expect
    .poll(() => daemon.stateOf('eth0'), SLOW)
    .toMatch(/^suspect: no answer from 203\.0\.113\.99, tcp:.*; its endpoint stays until another IPv4/);
  await expect.poll(() => daemon.stateOf('wwan0'), SLOW).toMatch(/^suspect/);
  expect(addresses(lab).sort()).toEqual(['10.1.0.2', '10.2.0.2']);
  await Promise.all([eth.restore(), wwan.restore()]);
  for (const name of ['eth0', 'wwan0'])
    await expect.poll(() => daemon.stateOf(name), SLOW).toMatch(/^active/);
});

test('probe: a connection with a single path keeps it, and data that arrives outweighs a probe', async ({
  lab,
}) => {
  const { eth, daemon } = await setUp(lab, `tcp://${TARGET}:9`);
  const connections = await lab.connections();
  lab.provider.ip('mptcp limits set subflows 0');
  const single = await connections.open('10.1.0.2');
  // Only the target fails, and not the path.
  lab.provider.ip(`address delete ${TARGET}/32 dev lo`);
  lab.provider.ip(`route add blackhole ${TARGET}/32`);
  const busy = setInterval(() => single.send('x'), 50);
  await expect.poll(() => daemon.stateOf('wwan0'), SLOW).toMatch(/^suspect/);
  expect(await daemon.stateOf('eth0')).toMatch(/^active/);
  clearInterval(busy);
  await eth.cut('all');
  await expect.poll(() => daemon.stateOf('eth0'), SLOW).toMatch(/^suspect/);
  expect(connections.subflows()).toEqual(['10.1.0.2']);
  expect(addresses(lab)).toContain('10.1.0.2');
  await eth.restore();
  await single.echo('lives');
  expect(single.error).toBeNull();
});

test('probe: HTTP; an answer after the timeout is no answer', async ({ lab }) => {
  children.push(lab.provider.spawn('python3', ['-c', SERVER, TARGET]));
  const { daemon, wwan } = await setUp(lab, [`http://${TARGET}:8080/slow`]);
  await expect.poll(() => daemon.stateOf('eth0'), SLOW).toMatch(/^suspect/);
  await daemon.reconfigure(
    JSON.stringify({ rules: RULES, health: { probe: { ...PROBE, track: `http://${TARGET}:8080/` } } }),
  );
  // Otherwise a suspicion by the first target could be taken for one by the cut.
  for (const name of ['eth0', 'wwan0'])
    await expect.poll(() => daemon.stateOf(name), SLOW).toMatch(/^active/);
  await wwan.cut('all');
  await expect.poll(() => daemon.stateOf('wwan0'), SLOW).toMatch(/^suspect: no answer from http:/);
  expect(await daemon.stateOf('eth0')).toMatch(/^active/);
});

/** Answers at once, or after a second for /slow. */
const SERVER = `
import http.server, socketserver, sys, time
class H(http.server.BaseHTTPRequestHandler):
    def do_HEAD(self):
        if self.path == '/slow': time.sleep(1)
        self.send_response(204); self.end_headers()
    def log_message(self, *a): pass
class S(socketserver.ThreadingMixIn, http.server.HTTPServer): pass
for _ in range(100):
    try: s = S((sys.argv[1], 8080), H); break
    except OSError: time.sleep(0.05)
s.serve_forever()
`;
