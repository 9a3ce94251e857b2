/** "multihomed monitor" with a daemon and without, compared with "ip mptcp monitor" on the real kernel. */
import { once } from 'node:events';
import { createConnection } from 'node:net';
import type { ChildProcess } from 'node:child_process';
import { describe, expect } from 'vitest';
import { serve } from '../../src/control/server.ts';
import { openLog } from '../../src/system/logger.ts';
import { test, type Lab } from '../support/lab.ts';
import { MAIN } from '../support/installed.ts';

class Watching {
  readonly child: ChildProcess;
  text = '';
  errors = '';

  constructor(child: ChildProcess) {
    this.child = child;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.text += text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.errors += text));
  }

  /** Complete lines. */
  lines(): string[] {
    return this.text
      .split('\n')
      .slice(0, -1)
      .filter((line) => line !== '');
  }

  async end(): Promise<number | null> {
    this.child.kill('SIGINT');
    const [code] = (await once(this.child, 'close')) as [number | null];
    return code;
  }
}

/** Waits for the line that names what it follows. */
async function monitor(lab: Lab, ...args: string[]): Promise<Watching> {
  const watching = new Watching(lab.host.spawn(process.execPath, [MAIN, 'monitor', ...args]));
  if (!args.includes('--mptcp')) await expect.poll(() => watching.errors).toMatch(/uplinks are read/);
  return watching;
}

function connect(lab: Lab, device: string): ReturnType<Lab['cable']> {
  const cable = lab.cable(device).up();
  lab.host.ip(`address add ${cable.address()}/24 dev ${device}`);
  lab.host.ip(`route add default via ${cable.gateway()} dev ${device} metric ${100 + cable.network}`);
  return cable;
}

const deviceOf = (lab: Lab, index: number): string =>
  lab.host.json<{ ifname: string; ifindex: number }[]>('link show').find(({ ifindex }) => ifindex === index)
    ?.ifname ?? `if${index}`;

/** The output of iproute2 since 6.18: names of devices and listeners, a wider column, and flags by name at the end. */
const asNow = (lab: Lab, line: string): string =>
  line
    .replace(/ ifindex=(\d+)/, (_, index: string) => ` dev=${deviceOf(lab, Number(index))}`)
    .replace(/^\[ *(\w+)\]/, (_, name: string) => `[${name.padStart(16)}]`)
    .replace(/(.*) flags=([123])\b(.*)/, (_, head: string, flags: string, tail: string) =>
      [
        `${head}${tail}`.replace(/ (server_side|deny_join_id0)\b/g, ''),
        ...(Number(flags) & 2 ? ['server_side'] : []),
        ...(Number(flags) & 1 ? ['deny_join_id0'] : []),
      ].join(' '),
    );
const known = (line: string): boolean => !/UNKNOWN|LISTENER/.test(line);

/** How many sockets have joined a group of generic netlink (protocol 16), such as that of MPTCP's events. */
const listeners = (lab: Lab): number =>
  lab.host
    .sh('cat /proc/net/netlink')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, protocol, , groups]) => protocol === '16' && Number(`0x${groups}`) !== 0).length;

describe('monitor', () => {
  test('follows the daemon, or the kernel if no daemon runs', async ({ lab }) => {
    const daemon = lab.prepare({ 'eth*': 'subflow' });
    await daemon.started();
    const json = await monitor(lab, '--json', '--config', daemon.config);
    const text = await monitor(lab, '--config', daemon.config);
    expect(json.errors).toContain('are read from the daemon (pid');
    const cable = connect(lab, 'eth0');
    await expect
      .poll(() => text.text)
      .toMatch(/uplink {2}eth0 10\.1\.0\.2: .*active: default route through 10\.1\.0\.1/);
    await daemon.stop();
    for (const each of [json, text]) await expect.poll(() => each.errors).toContain('No daemon is running');
    cable.down();
    await expect.poll(() => text.text).toMatch(/eth0 10\.1\.0\.2: active → lingering/);
    await expect.poll(() => json.lines().join()).toContain('"lingering"');
    const events = json.lines().map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(events).toContainEqual(
      expect.objectContaining({
        event: 'uplink',
        interface: 'eth0',
        address: '10.1.0.2',
        state: 'active',
        gateway: '10.1.0.1',
        endpoint: { id: 1, flags: ['subflow'] },
      }),
    );
    for (const { time } of events) expect(Math.abs(Date.now() - Number(time))).toBeLessThan(600_000);
    expect([await json.end(), await text.end()]).toEqual([0, 0]);
  });

  test.for([4, 6] as const)(
    'shows connections and subflows as "ip mptcp monitor" does: IPv%i',
    async (version, { lab }) => {
      for (const netns of [lab.host, lab.provider]) netns.sysctl('net.ipv6.conf.all.accept_dad', 0);
      const cable = connect(lab, 'eth0');
      const second = connect(lab, 'eth1');
      const connections = await lab.connections(version);
      if (version === 6)
        for (const each of [cable, second]) {
          lab.host.ip(`address add ${each.address(6)}/64 dev ${each.device} nodad`);
          lab.host.ip(
            `-6 route add default via ${each.gateway(6)} dev ${each.device} metric ${100 + each.network}`,
          );
        }
      lab.host.ip('mptcp limits set subflows 4');
      const expected = await lab.monitor('mptcp');
      const observed = await monitor(lab, '--mptcp');
      const json = await monitor(lab, '--json');
      const text = await monitor(lab);
      // `ip` and the three monitors.
      await expect.poll(() => listeners(lab)).toBe(4);
      lab.host.ip('mptcp endpoint add 192.0.2.77 signal');
      await connections.open();
      lab.host.ip(`mptcp endpoint add ${second.address(version)} dev eth1 subflow`);
      await expect.poll(() => observed.text).toContain('SF_ESTABLISHED');
      lab.host.ip('mptcp endpoint change id 2 backup');
      lab.host.ip('mptcp endpoint delete id 2');
      await expect.poll(() => observed.text).toContain('SF_CLOSED');
      await expect.poll(() => expected.texts().at(-1)).toContain('SF_CLOSED');
      await expect.poll(() => observed.lines().at(-1)).toContain('SF_CLOSED');
      await expect.poll(() => expected.texts().length).toBe(observed.lines().length);
      expect(observed.lines().filter(known)).toEqual(
        expected
          .texts()
          .map((line) => asNow(lab, line))
          .filter(known),
      );
      // All three programs receive the same events, in any order.
      await expect.poll(() => json.lines().join()).toContain('subflow-closed');
      const events = json.lines().map((line) => JSON.parse(line) as Record<string, unknown>);
      expect(events.map(({ event }) => event)).toEqual(
        expect.arrayContaining(['created', 'established', 'subflow-established', 'subflow-closed']),
      );
      expect(events).toContainEqual(
        expect.objectContaining({
          event: 'subflow-established',
          interface: 'eth1',
          token: expect.stringMatching(/^[0-9a-f]{8}$/),
        }),
      );
      await expect
        .poll(() => text.text)
        .toMatch(/mptcp {3}[0-9a-f]{8} subflow established .* on eth1 id 2\/0/);
      for (const each of [observed, json, text]) expect(await each.end()).toBe(0);
    },
  );

  test.for([4, 6] as const)('shows the address that a peer announces: IPv%i', async (version, { lab }) => {
    for (const netns of [lab.host, lab.provider]) netns.sysctl('net.ipv6.conf.all.accept_dad', 0);
    const cable = connect(lab, 'eth0');
    const connections = await lab.connections(version);
    if (version === 6) {
      lab.host.ip(`address add ${cable.address(6)}/64 dev eth0 nodad`);
      lab.host.ip(`-6 route add default via ${cable.gateway(6)} dev eth0`);
    }
    const announced = version === 4 ? '192.0.2.77' : '2001:db8:77::1';
    lab.provider.ip(`mptcp endpoint add ${announced} signal`);
    const json = await monitor(lab, '--json');
    const text = await monitor(lab);
    await connections.open();
    await expect.poll(() => text.text).toMatch(new RegExp(`announced \\[?${announced}`));
    await expect.poll(() => json.text).toContain(`"remote":{"address":"${announced}"`);
    for (const each of [json, text]) expect(await each.end()).toBe(0);
  });

  test('follows uplinks without permission for MPTCP events', async ({ lab }) => {
    const drop = ['--bounding-set=-net_admin', '--inh-caps=-net_admin', process.execPath, MAIN, 'monitor'];
    const watching = new Watching(lab.host.spawn('setpriv', drop));
    await expect.poll(() => watching.errors).toMatch(/^needs root \(CAP_NET_ADMIN\)[^]*uplinks are read/);
    expect(await watching.end()).toBe(0);
    const alone = new Watching(lab.host.spawn('setpriv', [...drop, '--mptcp']));
    const [code] = (await once(alone.child, 'close')) as [number | null];
    expect(code).toBe(77);
    expect(alone.errors).toMatch(/^needs root \(CAP_NET_ADMIN\) to read MPTCP events: .*EPERM/);
  });

  test('ends when its output is closed', async ({ lab }) => {
    const watching = await monitor(lab);
    watching.child.stdout?.destroy();
    const closed = once(watching.child, 'exit');
    lab.cable('eth0').up();
    // Without a configuration no interface is selected; events of listeners are always printed.
    lab.host.sh(
      `python3 -c "import socket; s=socket.socket(socket.AF_INET,socket.SOCK_STREAM,262); s.bind(('127.0.0.1',9)); s.listen()"`,
    );
    const [code] = (await closed) as [number | null];
    expect(code).toBe(0);
  });

  test('a watcher that does not read is closed by the daemon', async ({ lab }) => {
    const path = `${lab.folder}/control`;
    const answer = (): object => ({ filling: 'x'.repeat(600_000), at: performance.now() });
    const verbs = { watch: { change: false, answer, watch: true } };
    const server = await serve(path, verbs, openLog('null', { debug: false }));
    const [slow, quick] = [createConnection(path), createConnection(path)];
    for (const client of [slow, quick]) client.write('{"ask":"watch"}\n');
    let read = 0;
    quick.on('data', (chunk: Buffer) => (read += chunk.length));
    await expect.poll(() => read).toBeGreaterThan(600_000);
    for (let times = 1; times <= 8; times++) {
      server.publish(answer);
      await expect.poll(() => read).toBeGreaterThan(600_000 * (times + 1));
    }
    // Events that were already sent may still be printed; then it ends.
    slow.on('error', () => undefined).resume();
    await once(slow, 'close');
    expect(quick.destroyed).toBe(false);
    quick.destroy();
    await server.close();
  });
});
