/** Packets that later policy rules of the host select keep their route; `ip route get` is compared before and after. */
import { describe, expect } from 'vitest';
import { isWholeRoot } from '../hooks/scripts.ts';
import { test, type Lab } from '../support/lab.ts';

const RULES = { 'eth*': 'subflow' };

/** Policy rules for some packets, with such a packet. Only root has the uids for a rule with a range of uids. */
const SELECTORS = [
  ['fwmark 0x10/0xf0', 'mark 0x10'],
  ['ipproto tcp dport 25-26', 'ipproto tcp dport 25'],
  ['tos 0x10', 'tos 0x10'],
  ...(isWholeRoot() ? ([['uidrange 1000-1999', 'uid 1500']] as const) : []),
] as const;

/** Adds a VPN's link with a table of its own. */
function vpn({ host }: Lab, version: 4 | 6): void {
  host.ip('link add vpn0 type veth peer name far0');
  host.ip('link set far0 up');
  host.ip('link set vpn0 up');
  host.ip(`-${version} route add default dev vpn0 table 8`);
}

describe.each([4, 6] as const)('IPv%i', (version) => {
  const inside = version === 4 ? '198.18.0.0/15' : '2500:18::/32';
  const destination = version === 4 ? '198.18.0.9' : '2500:18::9';
  const outside = version === 4 ? '203.0.113.9' : '2600::9';

  test.for([[`to ${inside}`, ''], ...SELECTORS] as const)(
    'a policy rule without a priority keeps its packets: %s',
    async ([selector, packet], { lab }) => {
      const eth = lab.cable('eth0').connect(version);
      vpn(lab, version);
      lab.host.ip(`-${version} rule add ${selector} lookup 8`);
      const get = (to: string, words = ''): string =>
        lab.host
          .ip(`-${version} route get ${to} from ${eth.address(version)}${words ? ` ${words}` : ''}`)
          .replace(/ table \d+| proto \S+| metric \d+| pref \S+| cache.*| uid \d+/g, '')
          .trim();
      const all = (): string[] => [get(destination, packet), get(outside, packet), get(outside)];
      const before = all();
      expect(before[0]).toContain('vpn0');
      const daemon = await lab.daemon(RULES);
      await expect.poll(() => lab.host.endpointTexts()).toEqual([`${eth.address(version)} eth0 subflow`]);
      expect(all()).toEqual(before);
      expect(await daemon.stateOf(eth.address(version))).toMatch(/^active/);
      // The daemon then removes the rules that let those packets pass.
      lab.host.ip(`-${version} rule delete ${selector} lookup 8`);
      await expect.poll(() => lab.host.rules(version).map(({ priority }) => priority)).toEqual([8682, 8684]);
      await expect.poll(() => get(outside, packet)).toContain('eth0');
      expect((await daemon.command('flush', '--force')).code).toBe(0);
      expect(lab.host.rules(version)).toEqual([]);
    },
  );

  test('more specific routes in the table of a policy rule for all are kept', async ({ lab }) => {
    const eth = lab.cable('eth0').connect(version);
    vpn(lab, version);
    lab.host.ip(`-${version} route delete default dev vpn0 table 8`);
    lab.host.ip(`-${version} route add ${inside} dev vpn0 table 8`);
    lab.host.ip(`-${version} rule add lookup 8`);
    await lab.daemon(RULES);
    await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
    expect(lab.host.leaves(destination, eth.address(version))).toBe('vpn0');
    expect(lab.host.leaves(outside, eth.address(version))).toBe(`eth0 via ${eth.gateway(version)}`);
  });

  test('halves of a default in the table of a policy rule for all are kept, also for marked packets', async ({
    lab,
  }) => {
    const [eth, wwan] = [lab.cable('eth0').connect(version), lab.cable('wwan0').connect(version)];
    vpn(lab, version);
    const by = `via ${wwan.gateway(version)} dev wwan0`;
    const halves = version === 4 ? ['0.0.0.0/1', '128.0.0.0/1'] : ['::/1', '8000::/1'];
    const subnet = `${wwan.subnet(version)} dev wwan0 table 9`;
    for (const route of [
      `${inside} dev vpn0 table 7`,
      subnet,
      ...halves.map((half) => `${half} ${by} table 9`),
    ])
      lab.host.ip(`-${version} route add ${route}`);
    lab.host.ip(`-${version} route replace default ${by} table 8`);
    for (const rule of ['pref 9000 lookup 7', 'pref 9001 fwmark 0x10 lookup 8', 'pref 9002 lookup 9'])
      lab.host.ip(`-${version} rule add ${rule}`);
    const all = (): string[] =>
      [destination, outside].flatMap((to) =>
        ['', ' mark 0x10'].map((words) => lab.host.leaves(to, `${eth.address(version)}${words}`)),
      );
    const before = all();
    expect(before).toEqual([
      'vpn0',
      'vpn0',
      ...['wwan0', 'wwan0'].map(() => `wwan0 via ${wwan.gateway(version)}`),
    ]);
    await lab.daemon({ '*0': 'subflow', 'vpn*': 'ignore' });
    await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
    expect(all()).toEqual(before);
  });

  test.for([32_765, 8684, 100])(
    'the host reaches its own addresses: lookup local at %i',
    async (priority, { lab }) => {
      const eth = lab.cable('eth0').connect(version);
      const wwan = lab.cable('wwan0').connect(version);
      lab.host.ip(`-${version} rule add lookup local priority ${priority}`);
      lab.host.ip(`-${version} rule delete lookup local priority 0`);
      const own = (): string[] =>
        [eth, wwan].map((cable) => lab.host.leaves(cable.address(version), eth.address(version)));
      expect(own()).toEqual(['lo', 'lo']);
      const daemon = await lab.daemon({ '*0': 'subflow' });
      await expect.poll(() => lab.host.endpoints()).toHaveLength(2);
      expect(own()).toEqual(['lo', 'lo']);
      expect(lab.host.leaves(outside, wwan.address(version))).toBe(`wwan0 via ${wwan.gateway(version)}`);
      expect((await daemon.command('flush', '--force')).code).toBe(0);
      expect(own()).toEqual(['lo', 'lo']);
    },
  );
});
