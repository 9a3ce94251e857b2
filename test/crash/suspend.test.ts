/**
 * Suspend and resume, as far as they can be simulated: a real daemon is stopped, its network is removed and comes back
 * changed, CLOCK_REALTIME advances by eight hours and CLOCK_MONOTONIC does not, and the daemon is continued.
 *
 * The daemon needs no event of resume. Changes of the network meanwhile are in the event sockets, or overran them. The
 * daemon measures times by CLOCK_MONOTONIC, which does not count suspended time (clock_gettime(2)). The kernel ends
 * IPv6 routes and addresses by jiffies, which do not count it either, so both agree on when a router's default route
 * ends, however late that is by the time of day. Observed on Debian's 6.12 in a virtual machine that was suspended to
 * memory for 40 s (`echo mem >/sys/power/state`): CLOCK_MONOTONIC advanced by 1.5 s, /proc/uptime by 41 s, a route's
 * `expires 89sec` became 87 and an address's valid_lft 89 became 88. In this test the kernel continues, so a route
 * expires while only the daemon is stopped, and its timer fires late.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import type { Daemon } from '../support/daemon.ts';
import { test, type Lab } from '../support/lab.ts';
import type { Cable } from '../support/cable.ts';
import { Transfer } from '../stress/transfer.ts';
import { Shim } from './shim.ts';
import { RecordingHook } from './recording-hook.ts';

const NIGHT = 8 * 3_600_000;
/** Milliseconds for which it is stopped. */
const ASLEEP = 1_500;

interface Scene {
  readonly lab: Lab;
  readonly shim: Shim;
  readonly hook: RecordingHook;
  readonly daemon: Daemon;
  /** Comes back with its address, with another address, and as another interface. */
  readonly same: Cable;
  readonly other: Cable;
  modem: Cable;
  readonly transfer: Transfer;
}

async function scene(lab: Lab): Promise<Scene> {
  const shim = new Shim(lab.folder);
  const hook = new RecordingHook(lab);
  const [same, other, modem] = ['eth0', 'wlan0', 'wwan0'].map((device) => lab.cable(device).connect());
  const rules = { 'eth*': 'subflow', 'wlan*': 'subflow', 'wwan*': 'subflow backup' };
  const text = JSON.stringify({ rules, hooks: { path: hook.folder } });
  const daemon = await lab.daemon(text, { environment: shim.environment });
  await expect.poll(() => hook.lines()).toHaveLength(6);
  const transfer = await Transfer.open(lab, same!.address());
  await expect
    .poll(() => transfer.addresses())
    .toEqual([same!.address(), other!.address(), modem!.address()]);
  await transfer.moves();
  return { lab, shim, hook, daemon, same: same!, other: other!, modem: modem!, transfer };
}

function falls({ same, other, modem, lab }: Scene): void {
  for (const cable of [same, other, modem]) cable.unplug();
  for (const cable of [same, other]) cable.deleteAddress();
  lab.host.ip(`link delete ${modem.device}`);
}

function wakes(scene: Scene): void {
  scene.same.plugIn().addAddress().addDefault(4, 'metric 100');
  othersWake(scene);
}

function othersWake(scene: Scene): void {
  const { other, modem, lab } = scene;
  other.plugIn().addAddress(4, 7).addDefault(4, 'metric 200');
  scene.modem = lab.cable(modem.device, modem.network).connect();
}

/** Stops it for a night; `meanwhile` changes the network meanwhile. */
async function sleeps({ daemon, shim }: Scene, meanwhile: () => void): Promise<void> {
  daemon.signal('SIGSTOP');
  const began = performance.now();
  meanwhile();
  await sleep(ASLEEP);
  shim.wall = NIGHT;
  shim.monotonic = -(performance.now() - began - 20);
  daemon.signal('SIGCONT');
}

/** All three, in their present state, and nothing else. */
function comparison({ lab, same, other, modem }: Scene): { expected: object; shown: object } {
  const uplinks = [
    { address: same.address(), device: same.device, flags: 'subflow' },
    { address: other.address(4, 7), device: other.device, flags: 'subflow' },
    { address: modem.address(), device: modem.device, flags: 'subflow,backup' },
  ];
  return {
    expected: {
      endpoints: uplinks.map(({ address, device, flags }) => `${address} ${device} ${flags}`).sort(),
      rules: uplinks
        .flatMap(({ address, device }) => [
          `8682 from ${address} lookup 254 suppress 1`,
          `8684 from ${address} lookup ${lab.host.table(device)}`,
        ])
        .sort(),
      routes: [same, other, modem]
        .flatMap((cable) => [
          `${cable.subnet()} dev ${cable.device} table ${lab.host.table(cable.device)}`,
          `default via ${cable.gateway()} dev ${cable.device} table ${lab.host.table(cable.device)}`,
        ])
        .sort(),
    },
    shown: {
      endpoints: lab.host.endpointTexts(),
      rules: lab.host.ruleTexts().sort(),
      routes: lab.host.routeTexts(),
    },
  };
}

const idOf = ({ lab }: Scene, { device }: Cable): number | undefined =>
  lab.host.endpoints().find(({ dev }) => dev === device)?.id;

async function right(scene: Scene): Promise<void> {
  const { expected } = comparison(scene);
  await expect.poll(() => comparison(scene).shown).toEqual(expected);
}

describe('suspend and resume', () => {
  test('all links are back, some of them changed', async ({ lab }) => {
    const at = await scene(lab);
    const [id, index] = [idOf(at, at.same), lab.host.index('wwan0')];
    at.hook.forget();
    await sleeps(at, () => {
      falls(at);
      wakes(at);
    });
    expect(lab.host.index('wwan0')).not.toBe(index);
    await right(at);
    // An unchanged link was left alone, and the connection continues on it.
    expect(idOf(at, at.same)).toBe(id);
    await at.transfer.moves();
    // No hook runs for an unchanged interface; one runs for a replaced address.
    await expect
      .poll(() => at.hook.lines().sort())
      .toEqual([
        'wlan0 change 10.2.0.7',
        ...['down 10.3.0.2', 'link-down', 'link-up', 'up 10.3.0.2'].map((each) => `wwan0 ${each}`),
      ]);
    await expect
      .poll(() => at.transfer.addresses())
      .toEqual([at.same.address(), at.other.address(4, 7), at.modem.address()]);
    await at.transfer.finish();
    await at.transfer.end();
    at.shim.close();
  });

  test('no link is back yet', async ({ lab }) => {
    const at = await scene(lab);
    const id = idOf(at, at.same);
    at.hook.forget();
    await sleeps(at, () => falls(at));
    const gone = ['eth0', 'wlan0', 'wwan0'].flatMap((device, network) => [
      `${device} down 10.${network + 1}.0.2`,
      `${device} link-down`,
    ]);
    await expect.poll(() => at.hook.lines().sort()).toEqual(gone);
    // The last endpoints stay for the connection.
    expect(lab.host.endpoints()).toHaveLength(3);
    at.hook.forget();
    // If another link were back first, the endpoint of this one would not have to stay any longer.
    at.same.plugIn().addAddress().addDefault(4, 'metric 100');
    // Its old routes may still be there, so only the hook shows that it is in use again.
    await expect.poll(() => at.hook.lines('eth0')).toContain('eth0 up 10.1.0.2');
    othersWake(at);
    await right(at);
    expect(idOf(at, at.same)).toBe(id);
    await at.transfer.moves();
    const back = [
      ...['eth0 link-up', 'eth0 up 10.1.0.2'],
      ...['wlan0 link-up', 'wlan0 up 10.2.0.7'],
      ...['wwan0 link-up', 'wwan0 up 10.3.0.2'],
    ];
    await expect.poll(() => at.hook.lines().sort()).toEqual(back);
    await at.transfer.finish();
    await at.transfer.end();
    at.shim.close();
  });

  test('a router-advertised default route has expired', async ({ lab }) => {
    const shim = new Shim(lab.folder);
    const [eth, usb] = [lab.cable('eth0').connect(6), lab.cable('usb0').up().addAddress(6)];
    const daemon = await lab.daemon({ '*': 'subflow' }, { environment: shim.environment });
    lab.host.ip(`-6 route add default via ${usb.gateway(6)} dev usb0 metric 1024 proto ra expires 4`);
    const both = [`${eth.address(6)} eth0 subflow`, `${usb.address(6)} usb0 subflow`];
    await expect.poll(() => lab.host.endpointTexts()).toEqual(both);
    daemon.signal('SIGSTOP');
    // The kernel reports it at its next garbage collection, up to 30 s later.
    await expect
      .poll(() => lab.host.sh('ip -6 route get fibmatch 2001:db8::1 oif usb0 2>&1 || true'))
      .toMatch(/unreachable/);
    expect(lab.host.endpointTexts()).toEqual(both);
    daemon.signal('SIGCONT');
    const rules = (): string[] => lab.host.ruleTexts(6).filter((words) => words.includes(usb.address(6)));
    const routes = (): string[] => lab.host.routeTexts(6).filter((words) => words.includes('usb0'));
    await expect.poll(() => [lab.host.endpointTexts(), rules(), routes()]).toEqual([[both[0]], [], []]);
    shim.close();
  });
});
