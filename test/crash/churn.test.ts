/**
 * Kills a real daemon by SIGKILL at random moments while the network changes in both families, and starts it again.
 * MULTIHOMED_KILLS=200 sets the number; MULTIHOMED_SEED selects other changes.
 */
import { execFileSync } from 'node:child_process';
import { expect } from 'vitest';
import { test } from '../support/lab.ts';
import { apart } from './others.ts';
import { CrashHarness } from './harness.ts';
import type { Uplink, HostFixture } from './fixture.ts';

const KILLS = Number(process.env['MULTIHOMED_KILLS'] ?? 4);
/** Maximum number of changes in a burst, and milliseconds from its start to the kill. */
const BURST = 8;
const SPAN = 120;

let random = Number(process.env['MULTIHOMED_SEED'] ?? 1);
const below = (most: number): number => ((random = (random * 48271) % 0x7fff_ffff) >>> 8) % most;

test(
  `${KILLS} SIGKILLs at random moments of changes`,
  { timeout: 120_000 + 60_000 * KILLS },
  async ({ lab }) => {
    const stage = new CrashHarness(lab);
    const { world } = stage;
    const others = apart(lab.host);
    stage.start();
    await stage.right();
    let after = 0;
    for (let kills = 0; kills < KILLS; kills++) {
      stage.shim.forget();
      const end = SPAN * (below(1_000) / 1_000);
      // The kill can also happen between the changes, which this process makes one after the other.
      execFileSync('sh', [
        '-c',
        `(sleep ${(end / 1000).toFixed(3)}; kill -9 ${stage.daemon!.pid}) >/dev/null 2>&1 &`,
      ]);
      for (let changes = 1 + below(BURST); changes > 0; changes--) change(world);
      calm(world);
      expect((await stage.daemon!.finished()).code).toBe(null);
      if (stage.shim.points > 0) after++;
      stage.start();
      await stage.answers();
      expect(await stage.settles(), stage.daemon?.log).toBe(true);
      expect(apart(lab.host)).toBe(others);
    }
    await stage.ask('flush');
    world.paused = true;
    expect(await stage.settles()).toBe(true);
    expect(apart(lab.host)).toBe(others);
    console.log(`${KILLS} deaths in a churn, ${after} of them after it had begun to act on it`);
    await stage.stop();
  },
);

function change(world: HostFixture): void {
  const all = Object.values(world.uplinks);
  const uplink = all[below(all.length)]!;
  if (!uplink.plugged) return world.plug(uplink);
  const version = uplink.versions[below(uplink.versions.length)]!;
  switch (below(6)) {
    case 0:
      return world.turn(uplink, 1 + 8 * below(2));
    case 1:
      return world.carrier(uplink, !uplink.carrier);
    case 2:
      return uplink.device === 'eth0' ? undefined : world.unplug(uplink);
    case 3:
      return readdress(world, uplink);
    default:
      return uplink.routed.has(version) ? world.unroute(uplink, version) : world.route(uplink, version);
  }
}

/** Removes its routes too, as the kernel does with the last address of a link. */
function readdress(world: HostFixture, uplink: Uplink): void {
  if (uplink.versions.every((version) => uplink.routed.has(version)))
    world.replaceAddress(uplink, uplink.number < 20 ? uplink.number + 20 : uplink.number - 20);
}

/** Keeps one uplink in each family; otherwise the lingering one would depend on which was seen last. */
function calm(world: HostFixture): void {
  const { eth0 } = world.uplinks;
  if (!eth0.carrier) world.carrier(eth0, true);
  for (const version of eth0.versions) if (!eth0.routed.has(version)) world.route(eth0, version);
}
