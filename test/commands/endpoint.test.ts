/** "multihomed endpoint" and "limits" compared with "ip mptcp" with the same arguments, on the real kernel. */
import { spawnSync } from 'node:child_process';
import { describe, expect } from 'vitest';
import { command } from '../support/daemon.ts';
import { test, type Lab } from '../support/lab.ts';
import type { Netns } from '../support/netns.ts';

const words = (text: string): string[] => (text === '' ? [] : text.split(' '));

function ip(netns: Netns, text: string): { code: number; stdout: string } {
  const { status, stdout } = spawnSync('ip', ['-n', netns.name, ...words(text)], { encoding: 'utf8' });
  return { code: status ?? -1, stdout };
}

/** iproute2 before 6.18 prints this bit without a name. */
const asNow = (text: string): string =>
  text.replace('rawflags 20', 'laminar').replace('"rawflags":"20"', '"laminar":true');

/** Runs the same in two namespaces: `ip` in one, multihomed in the other. */
async function both(lab: Lab, text: string): Promise<void> {
  const expected = ip(lab.host, `mptcp ${text}`);
  const actual = await command(lab.provider, words(text));
  expect({ text, code: actual.code, stdout: actual.stdout }, actual.stderr).toEqual({ text, ...expected });
}

async function same(lab: Lab): Promise<void> {
  const [expected, actual] = [ip(lab.host, 'mptcp endpoint'), ip(lab.provider, 'mptcp endpoint')];
  expect(actual.stdout).toBe(expected.stdout);
  expect((await command(lab.provider, ['endpoint'])).stdout).toBe(asNow(expected.stdout));
  expect((await command(lab.provider, ['endpoint', 'show', '--json'])).stdout).toBe(
    asNow(ip(lab.host, '-j mptcp endpoint').stdout),
  );
}

function prepare(...namespaces: Netns[]): void {
  for (const netns of namespaces) {
    netns.ip('link add eth0 type veth peer name far0');
    netns.ip('link property add dev eth0 altname enp5s0-uplink');
  }
}

/** The commands to run, in order, before the endpoints are compared. */
const GOOD = [
  ['endpoint add 10.0.0.1'],
  ['endpoint add 10.0.0.1 subflow', 'endpoint add 2001:db8::1 subflow backup dev eth0'],
  ['endpoint add 10.0.0.1 dev lo id 9 signal', 'endpoint show id 9', 'endpoint delete id 9'],
  [
    'endpoint add id 255 dev enp5s0-uplink fullmesh subflow fe80::1',
    'endpoint change id 255 backup fullmesh',
  ],
  ['endpoint add signal port 4433 127.0.0.1', 'endpoint change 127.0.0.1 port 4433 backup'],
  ['endpoint add ::1 port 0x1151 signal id 010 dev lo'],
  ['endpoint add 10.0.0.1 dev if77 subflow nobackup nofullmesh'],
  ['endpoint add ::ffff:192.0.2.1 subflow', 'endpoint add ::192.0.2.2 subflow', 'endpoint add ::1:0 subflow'],
  [
    'endpoint add 2001:db8:0:0:1:0:0:1 subflow',
    'endpoint add 2001:0db8:0:1:1:1:1:1 subflow',
    'endpoint add :: signal',
  ],
  [
    'endpoint add 10.0.0.1 subflow backup',
    'endpoint change 10.0.0.1 nobackup',
    'endpoint change id 1 fullmesh',
  ],
  ['endpoint add 10.0.0.1 subflow fullmesh', 'endpoint change id 1 backup'],
  ['endpoint add 10.0.0.1 subflow', 'endpoint delete id 0 10.0.0.1'],
  ['e a 10.0.0.1 i 3 d lo subflow', 'endp s i 3', 'en sh', 'e c i 3 backup', 'e d i 3', 'e f'],
  [
    'endpoint add 10.0.0.1 subflow',
    'endpoint add 10.0.0.2 signal',
    'endpoint show',
    'endpoint flush',
    'endpoint',
  ],
  ['limits', 'limits show', 'lim sh', 'l', 'limits set subflows 5', 'limits show'],
  ['limits set subflow 1', 'limits set add_addr_accepted 3', 'limits set add 2 subf 0x4', 'limits'],
];

/** Exit status and expected message. `ip` refuses these too, or does nothing. */
const BAD: readonly (readonly [string, number, RegExp])[] = [
  ['endpoint add', 64, /an address is missing/],
  [
    'endpoint add any',
    64,
    /^endpoint add: unknown word "any"; known are id, .*\n\(see multihomed endpoint add --help\)$/m,
  ],
  ['endpoint add 10.0.0.9/24 subflow', 64, /"10\.0\.0\.9\/24" is no address; .* without a prefix length/],
  ['endpoint add 10.0.0.300 subflow', 64, /"10\.0\.0\.300" is no address/],
  ['endpoint add 10.0.0.9 sublow', 64, /did you mean subflow\?/],
  ['limits set foo 3', 64, /^limits set: unknown word "foo"; known are subflows, add_addr_accepted$/m],
  ['limits show 3', 64, /limits show takes no arguments/],
  ['endpoint add 10.0.0.9 id 256', 64, /id must be a number from 0 to 255, not "256"/],
  ['endpoint add 10.0.0.9 id', 64, /id needs a value/],
  ['endpoint add 10.0.0.9 dev nowhere0', 64, /"nowhere0": no such interface/],
  ['endpoint add 10.0.0.9 port 70000 signal', 64, /0 to 65535/],
  ['endpoint add 10.0.0.9 port 80 subflow', 64, /port requires signal/],
  ['endpoint add 10.0.0.9 signal fullmesh', 64, /exclude each other/],
  ['endpoint add 10.0.0.9 implicit', 2, /can't create IMPLICIT endpoint.*omit implicit/],
  [
    'endpoint add 10.0.0.9 port 80 signal subflow',
    2,
    /flags must have signal and not subflow when using port/,
  ],
  ['endpoint add 10.0.0.9 port 80 signal', 2, /does not have the address/],
  [
    'endpoint add 10.0.0.1 signal',
    2,
    /this address already has an endpoint \(10\.0\.0\.1 id 1 subflow dev lo\).*delete id 1 first/,
  ],
  ['endpoint add 10.0.0.1 id 77', 2, /this address already has an endpoint/],
  ['endpoint add ::ffff:10.0.0.1', 2, /this address already has an endpoint \(10\.0\.0\.1 id 1/],
  ['endpoint add 10.0.0.9 id 1', 2, /id 1 is in use/],
  ['endpoint delete', 64, /the id is missing/],
  ['endpoint delete 10.0.0.1', 64, /the id is missing; an address is not enough/],
  ['endpoint delete id 1 10.0.0.1', 64, /an address is possible only with id 0/],
  ['endpoint delete id 0', 64, /id 0: an address is missing/],
  ['endpoint delete id 99', 2, /there is no endpoint id 99/],
  ['endpoint change id 99 backup', 2, /there is no endpoint id 99/],
  ['endpoint change id 1 port 5 backup', 64, /port is possible only with an address/],
  ['endpoint change id 1 signal', 64, /takes no signal/],
  ['endpoint show id 99', 2, /there is no endpoint id 99/],
  ['endpoint show 10.0.0.1', 64, /takes no address/],
  ['endpoint nothing', 64, /known are add, delete, change, show, flush/],
  ['limits set subflows 4000000', 2, /limit greater than maximum \(\d+\)/],
  ['limits set subflows', 64, /needs a value/],
  ['limits set sublows 3', 64, /did you mean subflows\?/],
  ['limits set subflows -1', 64, /not "-1"/],
];

describe('endpoint and limits', () => {
  test.for(GOOD)('do what "ip mptcp" does: %j', async (steps, { lab }) => {
    prepare(lab.host, lab.provider);
    for (const step of steps) await both(lab, step);
    await same(lab);
  });

  test('print every flag, and bits without a name', async ({ lab }) => {
    prepare(lab.host);
    for (const [at, flags] of ['signal', 'subflow', 'backup', 'subflow backup fullmesh'].entries())
      lab.host.ip(`mptcp endpoint add 10.0.0.${at + 1} dev eth0 ${flags}`);
    await command(lab.host, words('endpoint add 10.0.0.8 laminar signal'));
    const { stdout } = ip(lab.host, 'mptcp endpoint');
    expect((await command(lab.host, ['endpoint'])).stdout).toBe(asNow(stdout));
  });

  test('refuse what "ip mptcp" refuses, with a message that names the fix', async ({ lab }) => {
    lab.host.ip('mptcp endpoint add 10.0.0.1 subflow dev lo');
    lab.provider.ip('mptcp endpoint add 10.0.0.1 subflow dev lo');
    for (const [text, code, said] of BAD) {
      const actual = await command(lab.host, words(text));
      expect({ text, code: actual.code, stdout: actual.stdout }).toEqual({ text, code, stdout: '' });
      expect(actual.stderr).toMatch(said);
      expect({ text, code: ip(lab.provider, `mptcp ${text}`).code }).not.toEqual({ text, code: 0 });
    }
    expect(ip(lab.host, 'mptcp endpoint').stdout).toBe('10.0.0.1 id 1 subflow dev lo \n');
  });

  test('refuse an address that fits several endpoints', async ({ lab }) => {
    for (const port of [4433, 4434]) lab.host.ip(`mptcp endpoint add 127.0.0.1 port ${port} signal`);
    const { code, stderr } = await command(lab.host, ['endpoint', 'change', '127.0.0.1', 'backup']);
    expect([code, stderr]).toEqual([
      2,
      'endpoint change: several endpoints match 127.0.0.1: id 1 port 4433, id 2 port 4434; give the id or the port\n',
    ]);
    expect(lab.host.endpoints().map(({ flags }) => flags)).toEqual([['signal'], ['signal']]);
    const named = await command(lab.host, ['endpoint', 'change', '127.0.0.1', 'port', '4434', 'backup']);
    expect(named.code).toBe(0);
    expect(lab.host.endpoints().map(({ flags }) => flags)).toEqual([['signal'], ['signal', 'backup']]);
  });

  test('report that there is no free slot', async ({ lab }) => {
    let room = 1;
    while (ip(lab.host, `mptcp endpoint add 10.0.1.${room}`).code === 0) room++;
    const { code, stderr } = await command(lab.host, words('endpoint add 10.0.2.1 subflow'));
    expect([code, stderr]).toEqual([
      2,
      expect.stringContaining(`maximum of ${room - 1} endpoints is reached`),
    ]);
  });

  test('refuse a command without effect, which "ip mptcp" accepts', async ({ lab }) => {
    lab.host.ip('mptcp endpoint add 10.0.0.1 subflow');
    expect((await command(lab.host, words('limits set'))).code).toBe(64);
    expect((await command(lab.host, words('endpoint change id 1'))).code).toBe(64);
    // Newer versions refuse it too.
    expect((await command(lab.host, words('endpoint add 10.0.0.9 id 0'))).stderr).toMatch(
      /id must be 1 to 255/,
    );
    const gone = await command(lab.host, words('endpoint delete id 0 10.0.0.1'));
    expect(gone.stderr).toMatch(
      /nothing was closed[^]*remains; to delete it:\n {4}multihomed endpoint delete id 1\n/,
    );
  });

  test('warn about an endpoint of the daemon and about a flag that is cleared too', async ({ lab }) => {
    const cable = lab.cable('eth0').up();
    lab.host.ip(`address add ${cable.address()}/24 dev eth0`);
    lab.host.ip(`route add default via ${cable.gateway()} dev eth0`);
    const daemon = await lab.daemon({ eth0: 'subflow fullmesh' });
    await expect.poll(() => lab.host.endpoints().length).toBe(1);
    const { id } = lab.host.endpoints()[0]!;
    const changed = await command(lab.host, words(`endpoint change id ${id} backup`));
    expect(changed.stderr).toMatch(
      /fullmesh is cleared too[^]*managed by multihomed: .*The daemon restores its flags/,
    );
    const deleted = await command(lab.host, words(`endpoint delete id ${id}`));
    expect(deleted.stderr).toMatch(/managed by multihomed: .*The daemon adds it again/);
    expect(deleted.code).toBe(0);
    const limits = await command(lab.host, words('limits set subflows 3'));
    expect(limits.stderr).toMatch(/had raised subflows; it does not raise it again/);
    await daemon.stop();
    expect((await command(lab.host, words('endpoint flush'))).stderr).not.toMatch(/The daemon adds/);
  });

  test('distinguish misspelt commands from abbreviated ones', async ({ lab }) => {
    expect((await command(lab.host, ['limts'])).stderr).toContain('Did you mean limits?');
    expect((await command(lab.host, ['lim', 's'])).stderr).toContain('could be set or show');
    const { stdout } = await command(lab.host, ['--help']);
    expect(stdout).toMatch(/^ +endpoint /m);
    expect(stdout).not.toMatch(/^ +endp /m);
  });
});
