/** doctor sends a datagram over each uplink: it shows a firewall that no route look-up and no event shows. */
import { expect } from 'vitest';
import type { FindingDocument } from '../../src/doctor/finding.ts';
import { missing } from '../support/programs.ts';
import { test } from '../support/lab.ts';

const lacks = missing({ nft: 'nftables' });
if (lacks !== null) console.log(`Firewalls are not tested: ${lacks}.`);

/** As mwan3 does, marks what the host sends and no neighbour receives. */
const MARKING = `table inet wan { chain output { type route hook output priority mangle;
  ip daddr 10.0.0.0/8 accept; ip6 daddr 2400::/16 accept; meta l4proto icmpv6 accept; meta mark set 0x100; }; }`;
const REFUSING = `table inet wan { chain output { type filter hook output priority 0;
  oifname eth1 udp dport 443 drop; oifname eth1 tcp dport 443 drop; }; }`;

test.skipIf(lacks !== null)(
  'departure: packets that a firewall marks or refuses are found on the uplink through which they should leave',
  async ({ lab }) => {
    const cables = [lab.cable('eth0').connect().connect(6), lab.cable('eth1').connect().connect(6)] as const;
    for (const version of ['', '-6 ']) {
      const gateway = cables[0].gateway(version === '' ? 4 : 6);
      lab.host.ip(`${version}route add default via ${gateway} dev eth0 table 1`);
      lab.host.ip(`${version}rule add pref 2001 fwmark 0x100/0x3f00 lookup 1`);
      lab.host.ip(`${version}rule add pref 3001 fwmark 0x100/0x3f00 unreachable`);
    }
    const daemon = await lab.daemon({ 'eth*': 'subflow' });
    await expect.poll(() => lab.host.endpoints()).toHaveLength(4);
    const departures = async (ruleset: string): Promise<Record<string, string>> => {
      lab.host.sh(`nft flush ruleset; nft '${ruleset}'`);
      const { stdout } = await daemon.command('doctor', '--json', '--config', daemon.config);
      const { findings } = JSON.parse(stdout) as { findings: FindingDocument[] };
      return Object.fromEntries(
        findings
          .filter(({ code }) => code === 'departure')
          .map(({ severity, subject, text }) => [`${severity} ${subject}`, text]),
      );
    };
    expect(await departures('table inet wan')).toEqual({});
    const [four, six] = [cables[1].address(), cables[1].address(6)];
    expect(await departures(MARKING)).toEqual({
      [`warning eth1:${four}`]: expect.stringMatching(/on the link, .*EHOSTUNREACH.*marks \(2001, 3001\)/),
      [`warning eth1:${six}`]: expect.stringMatching(/cannot leave: ENETUNREACH.*marks \(2001, 3001\)/),
    });
    expect(await departures(REFUSING)).toEqual({
      [`note eth1:${four}`]: expect.stringContaining('firewall'),
      [`note eth1:${six}`]: expect.stringContaining('firewall'),
    });
    // Nothing is left of the search for the destination on the link.
    expect(lab.host.ip('neighbour show')).not.toMatch(/203\.0\.113\.1|192\.31\.196\.1/);
  },
);
