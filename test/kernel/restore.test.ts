/** The daemon restores objects that other programs remove, at a limited rate. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import type { Daemon } from '../support/daemon.ts';
import { test, type Lab } from '../support/lab.ts';
import { stays } from '../support/stays.ts';

const RULES = { 'eth*': 'subflow' };

describe.each([4, 6] as const)('removed by another program, IPv%i', (version) => {
  test('policy rules and routes are restored; the endpoint stays meanwhile', async ({ lab }) => {
    const eth = lab.cable('eth0').connect(version);
    const daemon = await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
    const before = lab.host.state();
    const mptcp = await lab.monitor('mptcp');
    const connections = await lab.connections(version);
    await connections.open(eth.address(version));
    lab.host.ip(`-${version} rule del priority 8684 from ${eth.address(version)}`);
    await expect.poll(() => lab.host.state()).toEqual(before);
    lab.host.ip(`-${version} route flush table ${lab.host.table('eth0')}`);
    await expect.poll(() => lab.host.state()).toEqual(before);
    lab.host.ip(`-${version} route del default table ${lab.host.table('eth0')}`);
    await expect.poll(() => lab.host.state()).toEqual(before);
    await expect.poll(() => daemon.log).toMatch(/restored after.*networkd/);
    expect(mptcp.texts().filter((text) => text.includes('SF_CLOSED'))).toEqual([]);
  });
});

describe.each([4, 6] as const)('a script that deletes policy rules by their form, IPv%i', (version) => {
  const ip = `ip -${version}`;

  /** Adds two such rules, and deletes them as wg-quick's del_if() does. @returns how many commands it took */
  const deleteByForm = (lab: Lab): number => {
    for (const priority of [32_763, 32_764])
      lab.host.sh(`${ip} rule add lookup main suppress_prefixlength 0 priority ${priority}`);
    const rounds = lab.host.sh(`
      rounds=0
      while ${ip} rule show | grep -q 'from all lookup main suppress_prefixlength 0'; do
        ${ip} rule delete table main suppress_prefixlength 0
        rounds=$((rounds + 1))
        [ "$rounds" -lt 100 ] || break
      done
      echo "$rounds"`);
    return Number(rounds);
  };

  /** Rules of one priority may be restored in another order: each waits by itself. */
  const inPlace = (lab: Lab): object => ({
    ...lab.host.state(),
    rules: lab.host
      .rules(version, 'all')
      .map((rule) => JSON.stringify(rule))
      .sort(),
  });

  test('deletes its own', async ({ lab }) => {
    lab.cable('eth0').connect(version);
    lab.cable('wwan0').connect(version);
    const daemon = await lab.daemon({ ...RULES, 'wwan*': 'subflow' });
    await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
    const before = inPlace(lab);
    const monitor = await lab.monitor('rule');
    expect(deleteByForm(lab)).toBe(2);
    expect(inPlace(lab)).toEqual(before);
    // A single command, too.
    lab.host.sh(`${ip} rule add lookup main suppress_prefixlength 0 priority 32763`);
    lab.host.sh(`${ip} rule delete table main suppress_prefixlength 0`);
    expect(inPlace(lab)).toEqual(before);
    await expect.poll(() => monitor.texts().filter((text) => text.includes('Deleted'))).toHaveLength(3);
    expect(monitor.texts().filter((text) => text.includes('proto 86'))).toEqual([]);
    expect(daemon.log).not.toContain('restored after');
  });

  test('beside a split default: ends at once, and the rules are restored', async ({ lab }) => {
    const eth = lab.cable('eth0').connect(version);
    lab.cable('wwan0').connect(version);
    lab.host.sh(`${ip} route add ${version === 4 ? '0.0.0.0/1' : '::/1'} dev eth0`);
    const daemon = await lab.daemon({ ...RULES, 'wwan*': 'subflow' });
    await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
    const before = inPlace(lab);
    // The loop would never end if multihomed restored each rule at once.
    expect(deleteByForm(lab)).toBeLessThan(100);
    await expect.poll(() => inPlace(lab)).toEqual(before);
    await expect
      .poll(() => daemon.log)
      .toMatch(new RegExp(`${eth.address(version)} lookup main .*: restored after.*probably wg-quick`));
  });

  test('a split default that comes and goes changes which routes of main come first', async ({ lab }) => {
    const eth = lab.cable('eth0').connect(version);
    await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
    const suppressed = (): unknown[] =>
      lab.host
        .rules(version)
        .filter(({ priority }) => priority === 8682)
        .map(({ suppress_prefixlen }) => suppress_prefixlen);
    const destination = version === 4 ? '9.9.9.9' : '2620:fe::9';
    const device = (): string => lab.host.leaves(destination, eth.address(version)).split(' ')[0]!;
    expect([suppressed(), device()]).toEqual([[1], 'eth0']);
    lab.host.ip('link add other0 type bridge');
    lab.host.ip('link set other0 up');
    lab.host.sh(`${ip} route add ${version === 4 ? '0.0.0.0/1' : '::/1'} dev other0`);
    await expect.poll(() => [suppressed(), device()]).toEqual([[0], 'other0']);
    lab.host.ip('link del other0');
    await expect.poll(() => [suppressed(), device()]).toEqual([[1], 'eth0']);
  });
});

test('an endpoint is restored at the next pass', async ({ lab }) => {
  const eth = lab.cable('eth0').connect();
  const daemon = await lab.daemon(RULES);
  await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
  lab.host.ip('mptcp endpoint flush');
  await daemon.reload();
  await expect.poll(() => lab.host.endpointTexts()).toEqual([`${eth.address()} eth0 subflow`]);
});

test.for([
  ['on a quiet host', false],
  ['while other links come and go', true],
] as const)('restored at most ten times in a burst, then once in 5 s, %s', async ([, busy], { lab }) => {
  lab.cable('eth0').connect();
  const daemon = await lab.daemon(RULES, { args: ['--debug'] });
  await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
  // The link-local address appears last.
  await expect.poll(() => lab.host.ip('-6 address show dev eth0 scope link -tentative')).toContain('fe80');
  const has = (): boolean => lab.host.rules().some(({ priority }) => priority === 8684);
  const monitor = await lab.monitor('rule');
  const restored = (): number =>
    monitor.texts().filter((text) => /^\[RULE\]8684:.*proto 86/.test(text)).length;
  const bustle = (): void => {
    if (!busy) return;
    lab.host.ip('link add other0 type bridge');
    lab.host.ip('link del other0');
  };
  const began = Date.now();
  while (!waits(daemon)) {
    lab.host.ip('rule del priority 8684');
    bustle();
    await expect.poll(() => has() || waits(daemon)).toBe(true);
  }
  while (!has() && Date.now() - began < 60_000) {
    bustle();
    await sleep(25);
  }
  // The limiter allows one more for each five seconds.
  const most = 10 + Math.ceil((Date.now() - began) / 5_000);
  await expect.poll(restored).toBeGreaterThan(10);
  expect(restored()).toBeLessThanOrEqual(most);
  expect(lab.host.endpoints()).toHaveLength(1);
});

/** True when the daemon has used up its restorations for now. */
const waits = ({ log }: Daemon): boolean => log.includes('keep removing are added again in');

test('a route is restored at most ten times in a burst; then status shows a conflict', async ({ lab }) => {
  const eth = lab.cable('eth0').connect();
  const daemon = await lab.daemon(RULES, { args: ['--debug'] });
  await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
  await expect.poll(() => lab.host.ip('-6 address show dev eth0 scope link -tentative')).toContain('fe80');
  const table = lab.host.table('eth0');
  const has = (): boolean => lab.host.ip(`route show table ${table}`).includes('default');
  const began = Date.now();
  let removed = 0;
  for (; !waits(daemon); removed++) {
    lab.host.ip(`route del default table ${table}`);
    await expect.poll(() => has() || waits(daemon)).toBe(true);
  }
  // One more for each five seconds, and one that was restored with an event of its link.
  expect(removed).toBeGreaterThan(10);
  expect(removed).toBeLessThanOrEqual(12 + Math.ceil((Date.now() - began) / 5_000));
  await expect
    .poll(() => daemon.stateOf(eth.address()))
    .toMatch(/^conflict: another program keeps removing its routes; .*ManageForeignRoutes=no/);
  expect(lab.host.endpoints()).toHaveLength(1);
});

test('endpoint flags that another program changes are set again', async ({ lab }) => {
  const eth = lab.cable('eth0').connect();
  const daemon = await lab.daemon(RULES);
  await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
  const id = lab.host.endpoints()[0]?.id;
  lab.host.ip(`mptcp endpoint change id ${id} backup`);
  await daemon.reload();
  await expect.poll(() => lab.host.endpointTexts()).toEqual([`${eth.address()} eth0 subflow`]);
  expect(lab.host.endpoints()[0]?.id).toBe(id);
  await expect
    .poll(() => daemon.log)
    .toContain(
      `warning: eth0 ${eth.address()}: another program changed the flags of endpoint ${id} from subflow to ` +
        'subflow,backup; set to subflow, as the rule says',
    );
});

test('endpoint flags set by a changed rule are not logged as another program’s change', async ({ lab }) => {
  const eth = lab.cable('eth0').connect();
  const daemon = await lab.daemon(RULES);
  await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
  await daemon.reconfigure({ 'eth*': 'subflow backup' });
  await expect.poll(() => lab.host.endpointTexts()).toEqual([`${eth.address()} eth0 subflow,backup`]);
  expect(daemon.log).not.toContain('another program');
});

describe('a default route that is removed and added again is logged', () => {
  test.for(['the last path', 'beside another path'])('%s', async (where, { lab }) => {
    const eth = lab.cable('eth0').connect();
    if (where !== 'the last path') lab.cable('wwan0').connect();
    const daemon = await lab.daemon({ ...RULES, 'wwan*': 'subflow' });
    const active = (): number => daemon.log.split(`eth0 ${eth.address()}: active`).length - 1;
    await expect.poll(active).toBe(1);
    eth.deleteDefault();
    await expect.poll(() => daemon.log).toContain('no default route through eth0');
    eth.addDefault();
    await expect.poll(active).toBe(2);
    const state = where === 'the last path' ? 'lingering: ' : '';
    expect(daemon.log).toContain(`eth0 ${eth.address()}: ${state}no default route through eth0`);
  });
});

test.for(['to 192.0.2.9', 'iif lo', 'fwmark 7', 'tos 0x10', 'ipproto tcp dport 80'])(
  'a narrower policy rule with protocol 86 is removed (%s); multihomed’s stays',
  async (more, { lab }) => {
    const eth = lab.cable('eth0').connect();
    await lab.daemon({ 'eth*': 'subflow' });
    await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
    const before = lab.host.ip('rule show');
    const monitor = await lab.monitor('rule');
    lab.host.ip(
      `rule add from ${eth.address()} ${more} lookup ${lab.host.table('eth0')} priority 8684 protocol 86`,
    );
    await expect.poll(() => monitor.texts().filter((each) => each.includes('Deleted'))).toHaveLength(1);
    expect(lab.host.ip('rule show')).toBe(before);
    expect(await stays(() => monitor.texts().length)).toBe(2);
  },
);
