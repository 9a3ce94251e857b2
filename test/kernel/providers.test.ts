/** Several providers, as administrators and clouds set them up: no address becomes unreachable. */
import { expect } from 'vitest';
import { A, B, OUTSIDE, Providers, type Provider, test } from '../support/providers.ts';

const everything = (all: readonly Provider[]): string[] => all.map(({ address }) => `${address} out in`);

test('providers: a policy rule into a tunnel is a conflict until deleted as advised', async ({ lab }) => {
  const scene = new Providers(lab, [A]);
  try {
    await lab.modem('tun0');
    lab.host.ip('link set tun0 up');
    lab.host.ip('route add default via 192.0.2.1');
    lab.host.ip('route add default dev tun0 table 77');
    lab.host.ip('rule add from 192.0.2.10 lookup 77');
    const daemon = await lab.daemon({ eth0: 'subflow' });
    await expect
      .poll(() => daemon.stateOf(A.address))
      .toMatch(/^conflict: policy rule 32765 \(from 192\.0\.2\.10 lookup 77\) .* through tun0$/);
    expect([lab.host.endpoints(), lab.host.rules(), lab.host.routes()]).toEqual([[], [], []]);
    expect(lab.host.leaves(OUTSIDE, A.address)).toBe('tun0');
    const { stdout } = await daemon.command('explain', 'eth0');
    const [, remedy] = /(ip rule delete .*)/.exec(stdout) ?? [];
    lab.host.sh(remedy!);
    await expect.poll(() => daemon.stateOf(A.address)).toMatch(/^active/);
    await scene.serve();
    expect(await scene.reached()).toEqual(everything([A]));
  } finally {
    scene.end();
  }
});

test.for(['unreachable', 'prohibit', 'blackhole'])(
  'providers: a policy rule of type %s is a conflict, before and after multihomed’s',
  async (action, { lab }) => {
    lab.cable('eth0').connect();
    const [address] = ['10.1.0.2'];
    const daemon = await lab.daemon({ eth0: 'subflow' });
    await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
    for (const priority of [600, 20_000]) {
      lab.host.ip(`rule add from ${address} ${action} priority ${priority}`);
      await expect
        .poll(() => daemon.stateOf(address!))
        .toMatch(new RegExp(`^(lingering|conflict): policy rule ${priority}\\b`));
      await expect.poll(() => lab.host.rules()).toEqual([]);
      lab.host.ip(`rule delete from ${address} ${action} priority ${priority}`);
      await expect.poll(() => daemon.stateOf(address!)).toMatch(/^active/);
    }
  },
);

test('providers: a second gateway gets its own table; a restart changes nothing', async ({ lab }) => {
  const scene = new Providers(lab, [A, B]);
  try {
    lab.host.ip('route add default via 192.0.2.1 metric 100');
    lab.host.ip('route add default via 203.0.113.1 metric 200');
    const rules = { eth0: { flags: 'signal', 'per-interface': 'all' } };
    const first = await lab.daemon(rules);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
    const table = lab.host.table('eth0');
    expect(lab.host.routeTexts().filter((words) => words.startsWith('default'))).toEqual([
      `default via 192.0.2.1 dev eth0 table ${table}`,
      `default via 203.0.113.1 dev eth0 table ${table + 100_000_000}`,
    ]);
    await first.stop();
    await lab.host.linkLocal('eth0');
    const before = lab.host.state();
    const monitor = await lab.monitor('route', 'rule');
    const second = await lab.daemon(rules);
    await expect.poll(() => second.stateOf(B.address)).toMatch(/^active/);
    expect([lab.host.state(), monitor.texts()]).toEqual([before, []]);
    // After its gateway is lost, the address uses the other gateway's table, and its own table is emptied.
    lab.host.ip('route delete default via 203.0.113.1');
    await expect.poll(() => lab.host.leaves(OUTSIDE, B.address)).toBe('eth0 via 192.0.2.1');
    await expect.poll(() => lab.host.ruleTexts()).toContain(`8684 from ${B.address} lookup ${table}`);
    await expect
      .poll(() => lab.host.routeTexts().some((words) => words.endsWith(`${table + 100_000_000}`)))
      .toBe(false);
    expect(lab.host.endpoints()).toHaveLength(2);
  } finally {
    scene.end();
  }
});

test('providers: a default route added as advised changes no address’s route', async ({ lab }) => {
  const eth = lab.cable('eth0').connect(4, 5000);
  const wwan = lab.cable('wwan0').up().addAddress();
  const daemon = await lab.daemon({ '*0': 'subflow' });
  await expect.poll(() => daemon.stateOf(wwan.address())).toMatch(/^no default route/);
  const { stdout } = await daemon.command('explain', 'wwan0');
  expect(stdout).not.toContain('check-route');
  const [, command] = /(ip route add default via GATEWAY dev \S+ metric \d+)/.exec(stdout) ?? [];
  const unbound = (): string => lab.host.ip(`route get ${OUTSIDE}`);
  const before = [unbound(), lab.host.leaves(OUTSIDE, eth.address())];
  lab.host.sh(command!.replace('GATEWAY', wwan.gateway()));
  await expect.poll(() => daemon.stateOf(wwan.address())).toMatch(/^active/);
  expect([unbound(), lab.host.leaves(OUTSIDE, eth.address())]).toEqual(before);
  expect(lab.host.leaves(OUTSIDE, wwan.address())).toBe(`wwan0 via ${wwan.gateway()}`);
});

test('providers: IPv6 addresses of one link by the gateway of their own prefix, by a rule, and by two routers', async ({
  lab,
}) => {
  const eth = lab.cable('eth0').up().addAddress(6);
  lab.host.sysctl('net.ipv6.conf.eth0.accept_ra', 0);
  const outside = '2600::9';
  const [other, ruled] = ['2400:77::2', '2400:88::2'];
  for (const address of [other, ruled]) lab.host.ip(`address add ${address}/64 dev eth0 nodad`);
  lab.host.ip(`-6 route add default via ${eth.gateway(6)} dev eth0 metric 100`);
  lab.host.ip('-6 route add default via 2400:77::1 dev eth0 metric 200');
  lab.host.ip('-6 route add default via 2400:88::1 dev eth0 table 2');
  lab.host.ip(`-6 rule add from ${ruled} lookup 2`);
  await lab.daemon({ eth0: { flags: 'signal', addresses: 'all', 'per-interface': 'all' } });
  await expect.poll(() => lab.host.endpoints()).toHaveLength(3);
  const leaves = (): string[] =>
    [eth.address(6), other, ruled].map((address) => lab.host.leaves(outside, address));
  expect(leaves()).toEqual([`eth0 via ${eth.gateway(6)}`, 'eth0 via 2400:77::1', 'eth0 via 2400:88::1']);
  expect(lab.host.ruleTexts(6).filter((words) => words.includes(ruled))).toEqual([]);
  // A router advertisement does not say whose prefix it has, so the metric decides, as without multihomed.
  for (const router of ['fe80::a', 'fe80::b'])
    lab.host.ip(`-6 route add default via ${router} dev eth0 metric ${router === 'fe80::a' ? 50 : 60}`);
  lab.host.ip(`-6 route delete default via ${eth.gateway(6)} dev eth0 metric 100`);
  lab.host.ip('-6 route delete default via 2400:77::1 dev eth0 metric 200');
  await expect.poll(leaves).toEqual(['eth0 via fe80::a', 'eth0 via fe80::a', 'eth0 via 2400:88::1']);
  expect(lab.host.endpoints()).toHaveLength(3);
});

test('providers: a split default added to the table of a policy rule is noticed', async ({ lab }) => {
  const eth = lab.cable('eth0').connect();
  const wwan = lab.cable('wwan0').up().addAddress();
  lab.host.ip(`rule add from ${eth.address()} lookup 9`);
  const daemon = await lab.daemon({ eth0: 'subflow' });
  await expect.poll(() => daemon.stateOf(eth.address())).toMatch(/^active/);
  for (const half of ['0.0.0.0/1', '128.0.0.0/1'])
    lab.host.ip(`route add ${half} via ${wwan.gateway()} dev wwan0 table 9`);
  await expect.poll(() => daemon.stateOf(eth.address())).toMatch(/^conflict: .*lookup 9.* through wwan0/);
  expect(lab.host.leaves(OUTSIDE, eth.address())).toBe(`wwan0 via ${wwan.gateway()}`);
  for (const half of ['0.0.0.0/1', '128.0.0.0/1']) lab.host.ip(`route delete ${half} table 9`);
  await expect.poll(() => daemon.stateOf(eth.address())).toMatch(/^active/);
});
