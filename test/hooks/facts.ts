/** Facts of an uplink and of a link, with their usual values, for tests of hooks. */
import type { LinkFacts, LinkState, UplinkFacts } from '../../src/hooks/facts.ts';

export const uplink = (changes: Partial<UplinkFacts> = {}): UplinkFacts => ({
  interface: 'wwan0',
  ifindex: 7,
  family: 'ipv4',
  address: '192.0.2.7',
  prefixLength: 24,
  gateway: '192.0.2.1',
  rule: 'wwan*|usb*',
  reason: 'active',
  endpointId: 3,
  flags: ['subflow', 'backup'],
  port: null,
  table: 86840007,
  ...changes,
});

export const link = (changes: Partial<LinkFacts> = {}): LinkFacts => ({
  interface: 'wwan0',
  ifindex: 7,
  rule: 'wwan*|usb*',
  reason: 'the link has carrier',
  driver: 'cdc_ether',
  ...changes,
});

export const state = (changes: Partial<LinkState> = {}): LinkState => ({
  ...link(),
  added: true,
  carrier: true,
  ...changes,
});
