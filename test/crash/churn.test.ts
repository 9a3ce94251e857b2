/**
 * A real daemon killed by SIGKILL at random moments of a churn in both families, again and again, and started again.
 * MULTIHOMED_KILLS=200 for so many times; MULTIHOMED_SEED for another churn.
 */
import { execFileSync } from 'node:child_process';
import { expect } from 'vitest';
import { test } from '../support/lab.ts';
import { apart } from './others.ts';
import { CrashHarness } from './harness.ts';
import type { Uplink, HostFixture } from './fixture.ts';

const KILLS = Number(process.env['MULTIHOMED_KILLS'] ?? 4);
/** Most changes of one burst, and milliseconds from its begin to the death. */
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
      // In the midst of the changes too, which are made one after the other in this process.
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

/** With its routes, which an address takes with it where it is the last. */
function readdress(world: HostFixture, uplink: Uplink): void {
  if (uplink.versions.every((version) => uplink.routed.has(version)))
    world.replaceAddress(uplink, uplink.number < 20 ? uplink.number + 20 : uplink.number - 20);
}

/** One uplink is there in each family: which one lingers would be a matter of who was seen last. */
function calm(world: HostFixture): void {
  const { eth0 } = world.uplinks;
  if (!eth0.carrier) world.carrier(eth0, true);
  for (const version of eth0.versions) if (!eth0.routed.has(version)) world.route(eth0, version);
}
