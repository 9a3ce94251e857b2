/**
 * A transfer over two uplinks through plugging and unplugging, and through restarts of the daemon.
 * MULTIHOMED_CYCLES=100 for the long run.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished } from 'vitest';
import { test } from '../support/lab.ts';
import { stays } from '../support/stays.ts';
import { ADDRESS, CARRIER, DEFAULT_ROUTE, LINK } from './loss.ts';
import { Transfer } from './transfer.ts';

const CYCLES = Number(process.env['MULTIHOMED_CYCLES'] ?? 8);
const RULES = { 'eth*': 'subflow', 'wwan*': 'subflow' };

/** The message of `ip mptcp monitor` about a subflow from this address. */
const established = (address: string): RegExp => new RegExp(`SF_ESTABLISHED.*saddr4=${address} `);

const LOSSES = [CARRIER, DEFAULT_ROUTE, ADDRESS, LINK] as const;

describe('a transfer over two uplinks', { timeout: 120_000 + CYCLES * 60_000 }, () => {
  test(`survives ${CYCLES} cycles of plug and unplug and restarts of the daemon`, async ({ lab }) => {
    const cables = [lab.cable('eth0').connect(), lab.cable('wwan0').connect()] as const;
    const addresses = cables.map((cable) => cable.address());
    let daemon = await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
    const mptcp = await lab.monitor('mptcp');
    const transfer = await Transfer.open(lab, addresses[0]!);
    onTestFinished(() => transfer.end());
    await expect.poll(() => transfer.addresses()).toEqual(addresses);
    const restarts = { SIGTERM: 0, SIGKILL: 0, amid: 0 };
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      const loss = LOSSES[cycle % LOSSES.length]!;
      const at = (cycle + Math.floor(cycle / LOSSES.length)) % 2;
      const [cable, other] = at === 0 ? cables : [cables[1], cables[0]];
      loss.lose(cable);
      if (cycle % 3 === 2) {
        // Killed before, during or after an action; the next daemon completes it.
        await sleep((cycle * 7) % 31);
        await daemon.stop('SIGKILL');
        restarts.amid++;
        daemon = await lab.daemon(RULES);
      }
      await expect
        .poll(() => lab.host.endpointTexts(), { message: `${loss.what} of ${cable.device} lost` })
        .toEqual([`${other.address()} ${other.device} subflow`]);
      await expect.poll(() => transfer.addresses()).toEqual([other.address()]);
      await transfer.moves();
      loss.back(cable);
      await expect
        .poll(() => lab.host.endpointTexts(), { message: `${loss.what} of ${cable.device} back` })
        .toEqual(cables.map((each) => `${each.address()} ${each.device} subflow`));
      await expect.poll(() => transfer.addresses()).toEqual(addresses);
      if (cycle % 3 !== 2) {
        const signal = cycle % 3 === 0 ? 'SIGTERM' : 'SIGKILL';
        const [before, state] = [await transfer.identities(), lab.host.state()];
        // `ip monitor` may print it later.
        await expect.poll(() => mptcp.texts().at(-1)).toMatch(established(cable.address()));
        const logged = mptcp.texts().length;
        await daemon.stop(signal);
        restarts[signal]++;
        expect(await transfer.identities()).toEqual(before);
        daemon = await lab.daemon(RULES);
        await stays(() => lab.host.state(), 200);
        expect(lab.host.state()).toEqual(state);
        expect(await transfer.identities()).toEqual(before);
        expect(mptcp.texts().slice(logged)).toEqual([]);
      }
      await transfer.moves();
    }
    expect(mptcp.texts().filter((text) => /^\[ *(CREATED|CLOSED)\]/.test(text))).toHaveLength(1);
    const bytes = await transfer.finish();
    console.log(
      `live: ${CYCLES} cycles, ${restarts.SIGTERM} restarts by SIGTERM, ${restarts.SIGKILL} by SIGKILL, ` +
        `${restarts.amid} kills during actions; ${bytes} bytes, none wrong; no subflow lost at a restart`,
    );
  });

  test.for([true, false])(
    'is counted by flush, which refuses to cut it; daemon runs: %s',
    async (runs, { lab }) => {
      const [eth, wwan] = [lab.cable('eth0').connect(), lab.cable('wwan0').connect()];
      const daemon = await lab.daemon(RULES);
      await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
      const transfers: Transfer[] = [];
      for (const [number, from] of [eth, wwan, eth].entries()) {
        const transfer = await Transfer.open(lab, from.address(), number);
        onTestFinished(() => transfer.end());
        transfers.push(transfer);
      }
      await expect.poll(() => transfers[0]!.subflows()).toHaveLength(6);
      if (!runs) await daemon.stop();
      const [before, state] = [await transfers[0]!.identities(), lab.host.state()];
      const { code, stderr } = await daemon.command('flush');
      expect(code).not.toBe(0);
      expect(stderr).toMatch(/\b3 open MPTCP connections\. To remove everything anyway:\n/);
      expect(lab.host.state()).toEqual(state);
      expect(await transfers[0]!.identities()).toEqual(before);
      for (const transfer of transfers) {
        await transfer.moves();
        await transfer.finish();
      }
    },
  );
});
