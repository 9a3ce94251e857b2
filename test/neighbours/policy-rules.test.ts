/** Policy rules that another program deletes repeatedly: multihomed restores them slowly, and connections stay open. */
import { expect } from 'vitest';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from './keep.ts';
import { Remover } from './remover.ts';

test('each policy rule is restored ten times, then once in 5 s; status shows a conflict', async ({
  lab,
  keep,
}) => {
  const eth = lab.cable('eth0').connect().addAddress(6).addDefault(6);
  const daemon = await lab.daemon({ 'eth*': 'subflow' }, { args: ['--debug'] });
  await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
  const before = lab.host.endpoints();
  lab.host.ip('rule add from 192.168.77.1 lookup 77 priority 77');
  const remover = new Remover(lab.host);
  keep(remover);
  await remover.start();
  const started = Date.now();
  await expect
    .poll(() => [...remover.came.values()].map((times) => times >= 10))
    .toEqual(Array(4).fill(true));
  const conflict = /^conflict: .* keeps removing its policy rules; .*ManageForeignRoutingPolicyRules=no/;
  await expect.poll(() => daemon.stateOf(eth.address())).toMatch(conflict);
  // The conflict does not disappear each time that they are restored.
  const changesLogged = (): number => daemon.log.split(`eth0 ${eth.address()}: `).length;
  const once = changesLogged();
  for (const until = Date.now() + 7_000; Date.now() < until; await sleep(100))
    expect(await daemon.stateOf(eth.address())).toMatch(conflict);
  expect(changesLogged()).toBe(once);
  const most = 11 + Math.floor((Date.now() - started) / 5_000);
  for (const times of remover.came.values()) expect(times).toBeLessThanOrEqual(most);
  expect(lab.host.endpoints()).toEqual(before);
  expect(daemon.changes().filter((change) => change.endsWith('delete'))).toEqual([]);
  expect(daemon.log.match(/warning: .*restored after.*ManageForeignRoutingPolicyRules=no/g)).not.toBeNull();
  await remover.end();
  await expect.poll(() => lab.host.rules().length).toBe(2);
  await expect.poll(() => lab.host.rules(6).length).toBe(2);
  await expect.poll(() => daemon.stateOf(eth.address())).toMatch(/^active: default route/);
  expect(lab.host.rules(4, 'all').map(({ priority }) => priority)).toContain(77);
});
