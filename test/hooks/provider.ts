import { expect } from 'vitest';
import type { LinkFacts } from '../../src/hooks/occasion.ts';
import { link } from './facts.ts';
import { openStage, type Stage } from './stage.ts';

export const modem = (changes: Partial<LinkFacts> = {}): LinkFacts =>
  link({ interface: 'modem0', driver: 'cdc_ether', ...changes });

/** A modem on one end of a cable, and a provider's DHCP server, Debian's dnsmasq, on the other. */
export async function plugInModem(client: string): Promise<Stage> {
  const stage = await openStage('60-dhcp-modem', (text) =>
    text.replace(/^clients=.*$/m, `clients=${client}`),
  );
  const { status, stderr } = await stage.shell(`
    set -e
    ip netns add provider
    ip link add modem0 type veth peer name line0 netns provider
    ip link set modem0 up
    ip -n provider link set lo up
    ip -n provider address add 198.51.100.1/24 dev line0
    ip -n provider link set line0 up
    ip netns exec provider dnsmasq --conf-file=/dev/null --port=0 --no-ping --interface=line0 --bind-interfaces \\
      --dhcp-range=198.51.100.50,198.51.100.60,255.255.255.0,1h --dhcp-authoritative --no-daemon \\
      --dhcp-option=option:dns-server,203.0.113.53 --dhcp-option=option:domain-name,evil.example \\
      --dhcp-leasefile=/run/provider.leases --pid-file=/run/provider.pid >/run/provider.log 2>&1 &`);
  expect([status, stderr]).toEqual([0, '']);
  return stage;
}
