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
    const harness = new CrashHarness(lab);
    const { fixture } = harness;
    const others = apart(lab.host);
    harness.start();
    await harness.right();
    let after = 0;
    for (let kills = 0; kills < KILLS; kills++) {
      harness.shim.forget();
      const end = SPAN * (below(1_000) / 1_000);
      // The kill can also happen between the changes, which this process makes one after the other.
      execFileSync('sh', [
        '-c',
        `(sleep ${(end / 1000).toFixed(3)}; kill -9 ${harness.daemon!.pid}) >/dev/null 2>&1 &`,
      ]);
      for (let changes = 1 + below(BURST); changes > 0; changes--) change(fixture);
      keepOne(fixture);
      expect((await harness.daemon!.finished()).code).toBe(null);
      if (harness.shim.points > 0) after++;
      harness.start();
      await harness.answers();
      expect(await harness.settles(), harness.daemon?.log).toBe(true);
      expect(apart(lab.host)).toBe(others);
    }
    await harness.ask('flush');
    fixture.paused = true;
    expect(await harness.settles()).toBe(true);
    expect(apart(lab.host)).toBe(others);
    console.log(`${KILLS} deaths in a churn, ${after} of them after it had begun to act on it`);
    await harness.stop();
  },
);

function change(fixture: HostFixture): void {
  const all = Object.values(fixture.uplinks);
  const uplink = all[below(all.length)]!;
  if (!uplink.plugged) return fixture.plug(uplink);
  const version = uplink.versions[below(uplink.versions.length)]!;
  switch (below(6)) {
    case 0:
      return fixture.turn(uplink, 1 + 8 * below(2));
    case 1:
      return fixture.carrier(uplink, !uplink.carrier);
    case 2:
      return uplink.device === 'eth0' ? undefined : fixture.unplug(uplink);
    case 3:
      return readdress(fixture, uplink);
    default:
      return uplink.routed.has(version) ? fixture.unroute(uplink, version) : fixture.route(uplink, version);
  }
}

/** Removes its routes too, as the kernel does with the last address of a link. */
function readdress(fixture: HostFixture, uplink: Uplink): void {
  if (uplink.versions.every((version) => uplink.routed.has(version)))
    fixture.replaceAddress(uplink, uplink.number < 20 ? uplink.number + 20 : uplink.number - 20);
}

/** Keeps one uplink in each family; otherwise the lingering one would depend on which was seen last. */
function keepOne(fixture: HostFixture): void {
  const { eth0 } = fixture.uplinks;
  if (!eth0.carrier) fixture.carrier(eth0, true);
  for (const version of eth0.versions) if (!eth0.routed.has(version)) fixture.route(eth0, version);
}
