/** The expected dumps of the scene, written from the commands that created it. */
import { expect } from 'vitest';
import type { Address } from '../../src/netlink/route/address.ts';
import type { Link } from '../../src/netlink/route/link.ts';
import type { PolicyRule } from '../../src/netlink/route/policy-rule.ts';
import type { Hop, Route } from '../../src/netlink/route/route.ts';
import { ADDRESS, LINK, POLICY_RULE, ROUTE } from '../support/objects.ts';

const link = (words: Partial<Link>): Link => ({
  ...LINK,
  ...{ kind: 'veth', flags: expect.any(Number) as number },
  ...words,
});

export const LINKS = expect.arrayContaining([
  link({ index: 1, name: 'lo', kind: null, loopback: true, hardware: '00:00:00:00:00:00' }),
  link({
    index: 10,
    name: 'u0',
    altnames: ['uplink-of-the-office', 'second'],
    hardware: '02:00:5e:10:00:0a',
  }),
  link({ index: 11, name: 'p0', hardware: '02:00:5e:10:00:0b' }),
  link({ index: 12, name: 'br0', kind: 'bridge', usable: false, hardware: '02:00:5e:10:00:0c' }),
  link({ index: 13, name: 'w0', hardware: '02:00:5e:10:00:0d' }),
  link({ index: 14, name: 'v0', master: 12, hardware: '02:00:5e:10:00:0e' }),
]) as unknown as Link[];

const address = (words: Partial<Address>): Address => ({
  ...ADDRESS,
  ...{ ifindex: 10, created: expect.any(Number) as number },
  ...words,
});

export const ADDRESSES = expect.arrayContaining([
  address({ ifindex: 1, address: '127.0.0.1', prefixLength: 8, scope: 254 }),
  address({ address: '192.0.2.10' }),
  // Secondary, and not permanent.
  address({ address: '192.0.2.11', flags: 0x01, preferred: expect.any(Number) as number }),
  address({ ifindex: 13, address: '198.51.100.1', peer: '198.51.100.2', prefixLength: 32 }),
  address({
    ifindex: 1,
    family: 'ipv6',
    address: '::1',
    prefixLength: 128,
    flags: expect.any(Number) as number,
    scope: 254,
  }),
  address({ family: 'ipv6', address: '2001:db8:1::10', prefixLength: 64, flags: 0x82 }),
  address({ family: 'ipv6', address: '2001:db8:1::11', prefixLength: 64, flags: 0x22, preferred: 0 }),
]) as unknown as Address[];

export const hop = (words: Partial<Hop> = {}): Hop => ({
  ifindex: 10,
  gateway: null,
  onlink: false,
  dead: false,
  ...words,
});

export const route = (words: Partial<Route>): Route => ({ ...ROUTE, protocol: 99, ...words });

const other = (destination: string, words: Partial<Route>): Route =>
  route({ destination, prefixLength: 16, table: 100, ...words });

export const ROUTES: readonly Route[] = [
  other('10.1.0.0', { hops: [hop({ gateway: '192.0.2.1' })], nexthop: 7 }),
  other('10.2.0.0', { hops: [hop({ gateway: 'fe80::1' })] }),
  other('10.3.0.0', {
    hops: [hop({ gateway: '203.0.113.77', onlink: true })],
    // RTAX_MTU 1400 and RTAX_ADVMSS 1300, as attributes.
    metrics: Buffer.from('08000200780500000800080014050000', 'hex'),
  }),
  other('10.4.0.0', { type: 7, metric: 5 }),
  other('10.5.0.0', { hops: [hop({ ifindex: 13 })], preferredSource: '192.0.2.10' }),
  other('203.0.113.0', {
    prefixLength: 24,
    hops: [hop({ gateway: '192.0.2.1' }), hop({ ifindex: 13, gateway: '198.51.100.2' })],
  }),
];

export const ROUTES6: readonly Route[] = [
  other('2001:db8:9::', {
    family: 'ipv6',
    prefixLength: 48,
    metric: 1024,
    hops: [hop({ gateway: 'fe80::1' })],
    expires: expect.any(Number) as number,
  }),
  route({ family: 'ipv6', table: 100, metric: 512, hops: [hop({ gateway: '2001:db8:1::1' })] }),
];

export const policyRule = (words: Partial<PolicyRule>): PolicyRule => ({
  ...POLICY_RULE,
  ...{ table: 100, protocol: 0 },
  ...words,
});

export const POLICY_RULES: readonly PolicyRule[] = [
  policyRule({ table: 255, protocol: 2 }),
  policyRule({ priority: 300, source: '192.0.2.10', sourceLength: 32, protocol: 86 }),
  policyRule({ priority: 301, source: '192.0.2.0', sourceLength: 24, table: 254, suppressPrefixLength: 0 }),
  policyRule({
    priority: 302,
    selectors: expect.any(Buffer) as Buffer,
    iif: 'u0',
    fwmark: 0x12,
    fwmask: 0xff,
    narrow: true,
  }),
  policyRule({
    priority: 303,
    selectors: expect.any(Buffer) as Buffer,
    destination: '203.0.113.0',
    destinationLength: 24,
    oif: 'w0',
    invert: true,
  }),
  policyRule({ priority: 304, selectors: expect.any(Buffer) as Buffer, header: true, narrow: true }),
  policyRule({ priority: 305, selectors: expect.any(Buffer) as Buffer, uids: [1000, 2000], narrow: true }),
  // An action without a table.
  policyRule({
    priority: 306,
    source: '10.9.0.0',
    sourceLength: 16,
    action: 7,
    table: expect.any(Number) as number,
  }),
  policyRule({ priority: 307, selectors: expect.any(Buffer) as Buffer, header: true, narrow: true }),
  policyRule({ priority: 32_766, table: 254, protocol: 2 }),
  policyRule({ priority: 32_767, table: 253, protocol: 2 }),
];
