/** A table that a rule names may have routes of other programs with the destination and metric of multihomed's. */
import { describe, expect } from 'vitest';
import { test } from '../support/lab.ts';
import { stays } from '../support/stays.ts';

const TABLE = 100;
const RULES = { 'eth*': { flags: 'subflow', table: TABLE } };

describe.each([4, 6] as const)('a table shared with another program, IPv%i', (version) => {
  test.for(['prepend', 'append'] as const)(
    'a default route added by "ip route %s" is left unchanged',
    async (verb, { lab }) => {
      const eth = lab.cable('eth0').connect(version);
      const daemon = await lab.daemon(RULES);
      await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
      /** Gateways of the defaults in that table; IPv6 puts both in one route. */
      const gateways = (): string[] =>
        [...lab.host.ip(`-${version} route show default table ${TABLE}`).matchAll(/via (\S+)/g)].map(
          ([, gateway]) => gateway!,
        );
      lab.host.ip(
        `-${version} route ${verb} default via ${eth.gateway(version, 66)} dev eth0 table ${TABLE} proto static`,
      );
      const both = (own: number): string[] => [66, own].map((each) => eth.gateway(version, each)).sort();
      const found = (): string[] => gateways().sort();
      expect(await stays(found)).toEqual(both(1));
      const metric = 100 * eth.network;
      lab.host.ip(
        `-${version} route replace default via ${eth.gateway(version, 9)} dev eth0 metric ${metric}`,
      );
      // In IPv6 the kernel would merge multihomed's route into the other program's.
      if (version === 6) {
        await expect.poll(() => daemon.stateOf(eth.address(6))).toMatch(/EEXIST/);
        const { stdout } = await daemon.command('explain', 'eth0');
        expect(stdout).toContain(`"ip -6 route show table ${TABLE}" lists the route in its place`);
      }
      const after = version === 4 ? both(9) : [eth.gateway(6, 66)];
      await expect.poll(found).toEqual(after);
      expect(await stays(found)).toEqual(after);
      await daemon.command('flush', '--force');
      expect(gateways()).toEqual([eth.gateway(version, 66)]);
    },
  );
});

test('a changed gateway: the new route is added before the old one is deleted', async ({ lab }) => {
  const eth = lab.cable('eth0').connect();
  await lab.daemon({ 'eth*': 'subflow' });
  await expect.poll(() => lab.host.endpoints()).toHaveLength(1);
  const monitor = await lab.monitor('route');
  lab.host.ip(`route replace default via ${eth.gateway(4, 9)} dev eth0 metric ${100 * eth.network}`);
  const own = (): string[] =>
    monitor
      .texts()
      .filter((text) => text.includes('proto 86'))
      .map((text) => /(Deleted )?default via \S+/.exec(text)?.[0] ?? text);
  await expect
    .poll(own)
    .toEqual([`default via ${eth.gateway(4, 9)}`, `Deleted default via ${eth.gateway()}`]);
});
