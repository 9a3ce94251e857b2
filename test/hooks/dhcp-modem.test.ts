/** 60-dhcp-modem with real DHCP clients and a DHCP server in a namespace; also with a malicious server. */
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { quoteWord } from '../../src/system/shell-quote.ts';
import { modem, plugInModem, type Offer } from './provider.ts';
import { isWholeRoot } from './scripts.ts';
import { openHarness, type Harness } from './harness.ts';
import { missing } from '../support/programs.ts';

const why = missing({ dnsmasq: 'dnsmasq-base', ip: 'iproute2' });
if (why !== null) console.log(`The DHCP hook is not tested: ${why}.`);

let harness: Harness;
afterEach(() => harness.end());

async function plugIn(client: string, offer?: Offer): Promise<void> {
  harness = await plugInModem(client, offer);
}

/** Brings the modem from administratively down to carrier. */
async function bringUp(): Promise<void> {
  expect((await harness.shell('ip link show modem0')).stdout).toContain('state DOWN');
  const { reports } = await harness.runHook('device-add', modem());
  expect(reports.map(({ outcome, reason }) => [outcome, reason])).toEqual([['done', '']]);
  await harness.until('ip link show modem0 | grep LOWER_UP');
}

/** Routes and addresses of the modem, without values that differ between runs. */
const shown = async (): Promise<string> =>
  (await harness.shell('ip -4 route show table all; ip -4 -o address show dev modem0; ip link show modem0'))
    .stdout;

const address = `ip -4 -o address show dev modem0 scope global | grep -o '198\\.51\\.100\\.[0-9]*/24'`;

const pidOf: Record<string, string> = {
  udhcpc: 'cat /run/multihomed-hooks/dhcp/modem0.pid',
  dhclient: 'cat /run/multihomed-hooks/dhcp/modem0.pid',
  dhcpcd: 'cat "$(dhcpcd -4 -P modem0)"',
};

describe.skipIf(why !== null).each([
  ['udhcpc', 'udhcpc'],
  ['dhclient', 'isc-dhcp-client'],
  ['dhcpcd', 'dhcpcd-base'],
])('a modem with %s', (client, debianPackage) => {
  // dhcpcd switches to its own user, which a user namespace does not map.
  const unprivileged =
    client === 'dhcpcd' && !isWholeRoot() ? 'root must be able to become other users' : null;
  const lacks = why ?? unprivileged ?? missing({ [client]: debianPackage });
  if (lacks !== null) console.log(`${client} is not tested: ${lacks}.`);

  it.skipIf(lacks !== null)(
    'is up after device-add, has an address as a backup after link-up and none after link-down',
    async () => {
      await plugIn(client);
      const resolvers = readFileSync('/etc/resolv.conf', 'utf8');
      await bringUp();
      const up = await harness.runHook('link-up', modem());
      expect(up.reports.map(({ outcome, reason }) => [outcome, reason])).toEqual([['done', '']]);
      expect(up.lines.join('\n')).toContain(`starting ${client} on modem0`);
      await harness.until(address);
      const route = await harness.until('ip -4 route show default | grep .');
      expect(route).toMatch(/^default via 198\.51\.100\.1 dev modem0 proto dhcp (src \S+ )?metric 700 ?\n$/);
      const shown = (await harness.shell('ip -4 address show dev modem0')).stdout;
      expect(/valid_lft (\d+)sec/.exec(shown)?.[1]).toMatch(/^3[56]\d\d$/);
      expect(readFileSync('/etc/resolv.conf', 'utf8')).toBe(resolvers);

      const pid = await harness.until(pidOf[client] ?? '');
      await harness.runHook('link-up', modem());
      expect(await harness.until(pidOf[client] ?? '')).toBe(pid);

      const down = await harness.runHook('link-down', modem());
      expect(down.reports.map(({ outcome }) => outcome)).toEqual(['done']);
      await harness.until(`! kill -0 ${pid.trim()} 2>/dev/null`);
      expect((await harness.shell(address)).stdout).toBe('');
      expect((await harness.shell('ip -4 route show')).stdout).toBe('');
    },
  );

  it.skipIf(lacks !== null)('ignores routes and a small MTU that the server forces', async () => {
    const halves = '0.0.0.0/1,198.51.100.1,128.0.0.0/1,198.51.100.1,0.0.0.0/0,198.51.100.1';
    const forced = [121, 249].map((option) => `--dhcp-option-force=${option},${halves}`);
    await plugIn(client, { options: [...forced, '--dhcp-option-force=26,68'] });
    await bringUp();
    await harness.runHook('link-up', modem());
    await harness.until(address);
    await harness.until('ip -4 route show default | grep .');
    expect(await shown()).not.toMatch(/0\.0\.0\.0\/1|128\.0\.0\.0\/1/);
    expect((await harness.shell('ip -4 route show default')).stdout).toMatch(
      /^default [^\n]* metric 700 ?\n$/,
    );
    expect(await shown()).toContain('mtu 1500 ');
    expect(await shown()).not.toContain('mtu 68');
  });

  it.skipIf(lacks !== null)('uses a valid MTU for the route only', async () => {
    await plugIn(client, { options: ['--dhcp-option-force=26,1400'] });
    await bringUp();
    await harness.runHook('link-up', modem());
    await harness.until('ip -4 route show default | grep "metric 700 mtu 1400"');
    expect(await shown()).toContain('mtu 1500 ');
  });

  it.skipIf(lacks !== null).each<[string, Offer, string]>([
    [
      'netmask of half of the Internet',
      { options: ['--dhcp-option-force=1,128.0.0.0'] },
      'a netmask of less than 8 bits',
    ],
    [
      'netmask of all of the Internet',
      { options: ['--dhcp-option-force=1,0.0.0.0'] },
      'a netmask of less than 8 bits',
    ],
    ['address that no host can have', { network: '0.0.1' }, 'an address that no host can have'],
  ])('ignores an offer with a %s', async (_, offer, reason) => {
    await plugIn(client, offer);
    await bringUp();
    await harness.runHook('link-up', modem());
    // How the client handles an answer that its own checks refuse is up to the client.
    await harness.until(
      `grep -q "sent ${reason}" /run/multihomed-hooks/dhcp/modem0.refused || [ "$(grep -c DHCPOFFER /run/provider.log)" -ge 3 ]`,
    );
    expect((await harness.shell('ip -4 -o address show dev modem0; ip -4 route show')).stdout).toBe('');
  });
});

describe.skipIf(why !== null || missing({ udhcpc: 'udhcpc' }) !== null)('a modem', () => {
  it('with an address of another program is left alone', async () => {
    await plugIn('udhcpc');
    await harness.shell('ip address add 192.0.2.9/24 dev modem0');
    expect((await harness.runHook('device-add', modem())).lines.join('\n')).toContain(
      'modem0 is configured by',
    );
    expect((await harness.shell('ip link show modem0')).stdout).toContain('state DOWN');
    const { lines } = await harness.runHook('link-up', modem());
    expect(lines.join('\n')).toContain('modem0 is configured by the program that gave it an address');
    expect((await harness.shell('ls /run/multihomed-hooks/dhcp')).stdout).toBe('');
  });

  it.each([
    ['a docking station', modem({ driver: 'r8152' })],
    ['a link without a driver', modem({ driver: null })],
    ['a rule that only looks like a driver', modem({ driver: null, rule: '","driver":"cdc_ether"' })],
  ])('ignores %s', async (_, facts) => {
    await plugIn('udhcpc');
    for (const action of ['device-add', 'link-up'] as const) {
      const { reports, lines } = await harness.runHook(action, facts);
      expect(reports.map(({ outcome }) => outcome)).toEqual(['done']);
      expect(lines.filter((line) => line.startsWith('info'))).toEqual([]);
    }
    expect((await harness.shell('ip link show modem0')).stdout).toContain('state DOWN');
    expect((await harness.shell('ls /run/multihomed-hooks')).stdout).toBe('');
  });

  it('ignores another process with the pid of its client', async () => {
    await plugIn('udhcpc');
    await harness.shell(
      'mkdir -p /run/multihomed-hooks/dhcp; sleep 600 >/dev/null 2>&1 & echo $! >/run/multihomed-hooks/dhcp/modem0.pid',
    );
    const pid = (await harness.shell('cat /run/multihomed-hooks/dhcp/modem0.pid')).stdout.trim();
    await harness.runHook('link-down', modem());
    expect((await harness.shell(`kill -0 ${pid}`)).status).toBe(0);
  });

  it('without a DHCP client: names the packages to install', async () => {
    await plugIn('no-such-client');
    const { reports, lines } = await harness.runHook('link-up', modem());
    expect(reports.map(({ outcome }) => outcome)).toEqual(['failed']);
    expect(lines.join('\n')).toContain('modem0 has no DHCP client: install one of no-such-client');
  });
});

const noHarness = missing({ ip: 'iproute2' });

describe.skipIf(noHarness !== null)('a malicious DHCP server', () => {
  const good = { ip: '198.51.100.7', subnet: '255.255.255.0', router: '198.51.100.1', lease: '3600' };
  const code = [
    '$(touch /run/ran)',
    '`touch /run/ran`',
    '; touch /run/ran',
    "'; touch /run/ran; '",
    '-h',
    '\n',
    '',
  ];
  const text = code.map((each) => `198.51.100.7${each}`);

  /** Calls the script as udhcpc and dhclient do. */
  async function offer(lease: typeof good): Promise<{ status: number | null; shown: string }> {
    const { ip, subnet, router, lease: time } = lease;
    const dhclient = {
      new_ip_address: ip,
      new_subnet_mask: subnet,
      new_routers: router,
      new_dhcp_lease_time: time,
    };
    const variables = (record: object): string =>
      Object.entries(record)
        .map(([name, value]) => `${name}=${quoteWord(value as string)}`)
        .join(' ');
    const { status, stdout } = await harness.shell(`
      ip address flush dev modem0; ip route flush dev modem0; rm -rf /run/multihomed-hooks/dhcp; mkdir -p /run/multihomed-hooks/dhcp
      env interface=modem0 ${variables(lease)} ${harness.hook} bound >/dev/null 2>&1; first=$?
      env interface=modem0 reason=BOUND ${variables(dhclient)} ${harness.hook} >/dev/null 2>&1; second=$?
      ip -4 -o address show dev modem0; ip -4 route show; ls /run/ran 2>/dev/null
      exit $((first + second))`);
    return { status, shown: stdout };
  }

  it('cannot run a command or set an invalid address', async () => {
    harness = await openHarness('60-dhcp-modem');
    await harness.shell(
      'ip link add modem0 type veth peer name line0; ip link set modem0 up; ip link set line0 up',
    );
    const whole = await offer(good);
    expect(whole.status).toBe(0);
    expect(whole.shown).toMatch(
      /inet 198\.51\.100\.7\/24[^]*default via 198\.51\.100\.1 dev modem0 proto dhcp metric 700/,
    );
    const none = ['0.0.0.0', '127.0.0.1', '224.0.0.1', '255.255.255.255', '1.2.3.4.5', '...', '999.1.1.1'];
    for (const ip of [...none, ...text.filter((each) => each !== good.ip)])
      expect([ip, await offer({ ...good, ip })]).toEqual([ip, { status: expect.any(Number), shown: '' }]);
    // 0.0.0.0 and 128.0.0.0 would lead the host's traffic through the modem.
    for (const subnet of ['0.0.0.0', '128.0.0.0', '192.0.0.0', '', ...code.slice(0, 2)])
      expect([subnet, await offer({ ...good, subnet })]).toEqual([
        subnet,
        { status: expect.any(Number), shown: '' },
      ]);
    for (const router of [...code.slice(0, 3), '198.51.100.1.9']) {
      const { shown } = await offer({ ...good, router });
      expect(shown).not.toMatch(/default|ran/);
    }
    for (const lease of [...code.slice(0, 3), '99999999999999999999'])
      expect((await offer({ ...good, lease })).shown).not.toContain('ran');
    // The gateway may be outside of the subnet, and there may be several.
    const outside = await offer({ ...good, router: `203.0.113.1 ${code[0]}` });
    expect(outside.shown).toMatch(/default via 203\.0\.113\.1 dev modem0 proto dhcp metric 700 onlink/);
    expect(outside.shown).not.toContain('ran');
  });
});
