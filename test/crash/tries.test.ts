/**
 * A lost subflow is tried again by four requests: limit, wildcard endpoint, limit, deletion. A daemon that is stopped or
 * killed between them, and a flush; `ip mptcp` is the oracle.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { command, type Daemon } from '../support/daemon.ts';
import { test, type Lab } from '../support/lab.ts';
import { Shim } from './shim.ts';

const RULES = { eth0: 'subflow', wwan0: 'subflow' };
const LIMITS = 'add_addr_accepted 1 subflows 3';
/** Before each of the requests: the limit of subflows, and the endpoints. */
const POINTS = [
  { left: 1, subflows: 8, endpoints: ['10.1.0.2', '10.2.0.2'] },
  { left: 2, subflows: 1, endpoints: ['10.1.0.2', '10.2.0.2'] },
  { left: 3, subflows: 1, endpoints: ['0.0.0.0', '10.1.0.2', '10.2.0.2'] },
  { left: 4, subflows: 8, endpoints: ['0.0.0.0', '10.1.0.2', '10.2.0.2'] },
];

const addresses = (lab: Lab): string[] =>
  lab.host
    .endpoints()
    .map(({ address }) => address)
    .sort();

/** Starts a daemon that stops or dies in a try. Resolves when it has. */
async function interrupt(lab: Lab, shim: Shim, left: number, until: (daemon: Daemon) => boolean) {
  for (const device of ['eth0', 'wwan0']) lab.cable(device).connect();
  lab.host.ip(`mptcp limits set ${LIMITS}`);
  const daemon = await lab.daemon(RULES, { environment: shim.environment });
  await expect.poll(() => addresses(lab)).toEqual(['10.1.0.2', '10.2.0.2']);
  const connections = await lab.connections();
  for (let count = 0; count < 2; count++) await connections.open('10.1.0.2');
  await expect.poll(() => connections.subflows()).toHaveLength(4);
  // The end of the data may be probed by a try too, which keeps the limit, within a second.
  await sleep(2_000);
  await expect.poll(() => connections.subflows()).toHaveLength(4);
  const [port] = /(?<=:)\d+/.exec(lab.host.sh('ss -tnH state established src 10.2.0.2'))!;
  shim.arm('change', left, 'before');
  lab.provider.sh(`ss -K dst 10.2.0.2 and dport = :${port}`);
  await expect.poll(() => until(daemon), { timeout: 20_000 }).toBe(true);
  return daemon;
}

const isStopped = ({ pid }: Daemon): boolean =>
  readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.startsWith('T');

/** How many clients wait for the daemon: the receive queue of its listening socket. */
const waiting = (lab: Lab): number =>
  Number(/ (\d+) +\d+ +\S*multihomed\S*\/control /.exec(lab.host.sh('ss -xlH'))?.[1] ?? NaN);

for (const { left, subflows, endpoints } of POINTS) {
  test(`flush: arrives before request ${left} of a try, and leaves neither limit nor endpoint`, async ({
    lab,
  }) => {
    const shim = new Shim(lab.folder);
    shim.stops = true;
    const daemon = await interrupt(lab, shim, left, isStopped);
    expect([lab.host.limits().subflows, addresses(lab)]).toEqual([subflows, endpoints]);
    const flushed = command(lab.host, ['flush', '--force']);
    await expect.poll(() => waiting(lab)).toBe(1);
    daemon.signal('SIGCONT');
    expect(await flushed).toMatchObject({ code: 0 });
    expect(addresses(lab)).toEqual([]);
    expect(lab.host.limits()).toEqual({ accepted: 1, subflows: 3 });
    expect(lab.host.rules()).toEqual([]);
    shim.close();
  });

  test(`a daemon that was killed before request ${left} of a try: flush and the next start clean up`, async ({
    lab,
  }) => {
    const shim = new Shim(lab.folder);
    await interrupt(lab, shim, left, ({ runs }) => !runs);
    expect([lab.host.limits().subflows, addresses(lab)]).toEqual([subflows, endpoints]);
    await lab.daemon(RULES);
    await expect.poll(() => addresses(lab)).toEqual(['10.1.0.2', '10.2.0.2']);
    await expect.poll(() => lab.host.limits()).toEqual({ accepted: 1, subflows: 8 });
    expect(await command(lab.host, ['flush', '--force'])).toMatchObject({ code: 0 });
    expect(addresses(lab)).toEqual([]);
    expect(lab.host.limits()).toEqual({ accepted: 1, subflows: 3 });
    shim.close();
  });
}
