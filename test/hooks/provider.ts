/** A modem, and a provider at the other end of its cable with a DHCP server. */
import { expect } from 'vitest';
import type { LinkFacts } from '../../src/hooks/facts.ts';
import { link } from './facts.ts';
import { openHarness, type Harness } from './harness.ts';

export const modem = (changes: Partial<LinkFacts> = {}): LinkFacts =>
  link({ interface: 'modem0', driver: 'cdc_ether', ...changes });

export interface Offer {
  /** The first three bytes of the provider's network and of its addresses. */
  readonly network?: string;
  /** Further arguments of dnsmasq. */
  readonly options?: readonly string[];
}

/**
 * Makes a modem that is administratively down, and starts the provider's DHCP server. `client`: the only DHCP client.
 */
export async function plugInModem(client: string, offer: Offer = {}): Promise<Harness> {
  const harness = await openHarness('60-dhcp-modem', (text) =>
    text.replace(/^clients=.*$/m, `clients=${client}`),
  );
  const { status, stderr } = await harness.shell(`
    set -e
    [ ! -d /var/lib/dhcpcd ] || mount -t tmpfs tmpfs /var/lib/dhcpcd
    ip netns add provider
    ip link add modem0 type veth peer name line0 netns provider
    ip -n provider link set lo up
    ip -n provider link set line0 up`);
  expect([status, stderr]).toEqual([0, '']);
  await serve(harness, offer);
  return harness;
}

/** Starts the provider's server, Debian's dnsmasq; ends an earlier one. */
export async function serve(
  harness: Harness,
  { network = '198.51.100', options = [] }: Offer,
): Promise<void> {
  const { status, stderr } = await harness.shell(`
    set -e
    if [ -s /run/provider.pid ]; then kill -9 "$(cat /run/provider.pid)"; fi
    rm -f /run/provider.leases
    ip -n provider address flush dev line0
    ip -n provider address add ${network}.1/24 dev line0
    ip netns exec provider dnsmasq --conf-file=/dev/null --port=0 --no-ping --interface=line0 --bind-interfaces \\
      --dhcp-range=${network}.50,${network}.60,255.255.255.0,1h --dhcp-authoritative --no-daemon \\
      --dhcp-option=option:dns-server,203.0.113.53 --dhcp-option=option:domain-name,evil.example ${options.join(' ')} \\
      --dhcp-leasefile=/run/provider.leases --pid-file=/run/provider.pid >/run/provider.log 2>&1 &`);
  expect([status, stderr]).toEqual([0, '']);
}
