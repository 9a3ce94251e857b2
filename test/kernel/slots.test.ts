/** Uplinks that compete for the kernel's slots for endpoints, and the limits. */
import { describe, expect } from 'vitest';
import { test } from '../support/lab.ts';

/** The number of endpoints that this kernel holds: 8 before Linux 7.2. */
const SLOTS = 8;
const foreign = (count: number): string[] =>
  Array.from({ length: count }, (_, at) => `mptcp endpoint add 192.168.50.${at + 1} id ${100 + at} signal`);

describe('slots', () => {
  test('full with foreign endpoints: status reports it; the next free slot is used', async ({ lab }) => {
    const eth = lab.cable('eth0').connect();
    for (const command of foreign(SLOTS)) lab.host.ip(command);
    const daemon = await lab.daemon({ 'eth*': 'subflow' });
    await expect.poll(() => daemon.stateOf(eth.address())).toMatch(/^no free slot: .*8/);
    expect(lab.host.endpoints().map(({ id }) => id)).toEqual([100, 101, 102, 103, 104, 105, 106, 107]);
    lab.host.ip('mptcp endpoint del id 103');
    await daemon.reload();
    await expect.poll(() => lab.host.endpointTexts()).toContain(`${eth.address()} eth0 subflow`);
    expect(lab.host.endpoints()).toHaveLength(SLOTS);
  });

  test('rule order wins over route metric; an endpoint in place keeps its slot', async ({ lab }) => {
    for (const command of foreign(SLOTS - 2)) lab.host.ip(command);
    const slow = lab.cable('eth0').connect(4, 300);
    const quick = lab.cable('eth1').connect(4, 200);
    const modem = lab.cable('wwan0').connect(4, 50);
    // Carrier appears some time after both ends are up.
    for (const { device } of [slow, quick, modem])
      await expect.poll(() => lab.host.ip(`link show ${device}`)).toContain('LOWER_UP');
    const daemon = await lab.daemon({ 'eth*': 'subflow', 'wwan*': 'subflow backup', 'wl*': 'subflow' });
    const own = (): string[] => lab.host.endpointTexts().filter((words) => words.startsWith('10.'));
    await expect.poll(own).toEqual([`${slow.address()} eth0 subflow`, `${quick.address()} eth1 subflow`]);
    expect(await daemon.stateOf(modem.address())).toMatch(/^no free slot/);
    const before = lab.host.endpoints();
    const late = lab.cable('eth2').connect(4, 10);
    await expect.poll(() => daemon.stateOf(late.address())).toMatch(/^no free slot/);
    expect(lab.host.endpoints()).toEqual(before);
    // A slot that becomes free goes to the best-ranked uplink that waits.
    quick.deleteDefault();
    await expect.poll(own).toEqual([`${slow.address()} eth0 subflow`, `${late.address()} eth2 subflow`]);
  });

  test('a replaced address keeps its slot', async ({ lab }) => {
    lab.host.sysctl('net.ipv4.conf.all.promote_secondaries', 1);
    for (const command of foreign(SLOTS - 1)) lab.host.ip(command);
    const eth = lab.cable('eth0').connect();
    const daemon = await lab.daemon({ 'eth*': 'subflow' });
    await expect.poll(() => daemon.stateOf(eth.address())).toMatch(/^active/);
    eth.addAddress(4, 7).deleteAddress(4);
    await expect.poll(() => lab.host.endpointTexts()).toContain(`${eth.address(4, 7)} eth0 subflow`);
  });
});

describe('limits', () => {
  const limits = (subflows: number, accepted: number): object => ({ subflows, accepted });

  test('are raised while a subflow endpoint is in place, and restored with the last', async ({ lab }) => {
    expect(lab.host.limits()).toEqual(limits(2, 0));
    const daemon = await lab.daemon({ 'eth*': 'subflow' });
    expect(lab.host.limits()).toEqual(limits(2, 0));
    lab.cable('eth0').connect();
    await expect.poll(() => lab.host.limits()).toEqual(limits(8, 0));
    await daemon.reconfigure({ 'other*': 'subflow' });
    await expect.poll(() => lab.host.limits()).toEqual(limits(2, 0));
    expect(lab.host.endpointTexts()).toEqual([]);
  });

  test('add_addr_accepted is raised while a fullmesh endpoint is in place', async ({ lab }) => {
    lab.host.ip('mptcp limits set add_addr_accepted 1');
    lab.cable('eth0').connect();
    lab.cable('wl0').connect();
    const daemon = await lab.daemon({ 'eth*': 'subflow', 'wl*': 'subflow fullmesh' });
    await expect.poll(() => lab.host.limits()).toEqual(limits(8, 8));
    await daemon.reconfigure({ 'eth*': 'subflow', 'wl*': 'subflow' });
    await expect.poll(() => lab.host.limits()).toEqual(limits(8, 1));
  });

  test('set higher by an administrator are not lowered', async ({ lab }) => {
    lab.host.ip('mptcp limits set subflows 8 add_addr_accepted 3');
    lab.cable('eth0').connect();
    const daemon = await lab.daemon({ 'eth*': 'subflow' });
    await expect.poll(() => lab.host.limits()).toEqual(limits(8, 3));
    await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
    await daemon.command('flush');
    expect(lab.host.limits()).toEqual(limits(8, 3));
  });

  test('changed by an administrator meanwhile are kept', async ({ lab }) => {
    lab.cable('eth0').connect();
    const daemon = await lab.daemon({ 'eth*': 'subflow' });
    await expect.poll(() => lab.host.limits()).toEqual(limits(8, 0));
    lab.host.ip('mptcp limits set subflows 5 add_addr_accepted 1');
    await daemon.reload();
    await daemon.command('flush');
    expect(lab.host.limits()).toEqual(limits(5, 1));
  });

  test('numbers are set even if lower, and restored', async ({ lab }) => {
    lab.host.ip('mptcp limits set subflows 6 add_addr_accepted 6');
    lab.cable('eth0').connect();
    const text = 'rules: { "eth*": subflow }\nlimits: { subflows: 3, add-addr-accepted: 1 }\n';
    const daemon = await lab.daemon(text);
    await expect.poll(() => lab.host.limits()).toEqual(limits(3, 1));
    await daemon.command('flush');
    expect(lab.host.limits()).toEqual(limits(6, 6));
  });

  test('leave: they are not changed', async ({ lab }) => {
    lab.cable('eth0').connect();
    await lab.daemon('rules: { "eth*": subflow }\nlimits: leave\n');
    await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
    expect(lab.host.limits()).toEqual(limits(2, 0));
  });

  test('are restored by the next daemon after a kill', async ({ lab }) => {
    lab.cable('eth0').connect();
    const first = await lab.daemon({ 'eth*': 'subflow' });
    await expect.poll(() => lab.host.limits()).toEqual(limits(8, 0));
    await first.stop('SIGKILL');
    const second = await lab.daemon({ 'eth*': 'subflow' });
    await second.command('flush');
    expect(lab.host.limits()).toEqual(limits(2, 0));
  });
});
