/** Addresses as text: networks, ranges and mapped addresses. */
import { expect, test } from 'vitest';
import { addressBytes, addressRange, inNetwork, networkOf, unmapIPv4 } from '../../src/netlink/ip.ts';

test.each([
  ['192.0.2.77', '192.0.2.0', 24, true],
  ['192.0.3.0', '192.0.2.0', 24, false],
  ['192.0.3.0', '192.0.2.0', 23, true],
  ['192.0.2.1', '192.0.2.1', 32, true],
  ['192.0.2.1', '192.0.2.0', 32, false],
  ['192.0.2.1', '192.0.2.0', 31, true],
  ['203.0.113.9', '0.0.0.0', 0, true],
  ['128.0.0.0', '0.0.0.0', 1, false],
  ['2001:db8:1::5', '2001:db8:1::', 64, true],
  ['2001:db8:2::5', '2001:db8:1::', 64, false],
  ['2001:db8::3', '2001:db8::2', 127, true],
  ['2001:db8::3', '2001:db8::2', 128, false],
  ['192.0.2.1', '::', 0, false],
])('%s is in %s/%i: %s', (address, network, prefixLength, expected) => {
  expect(inNetwork(address, network, prefixLength)).toBe(expected);
});

test('the network of an address has no host bits, and the address keeps its own', () => {
  expect(networkOf('192.0.2.77', 26)).toBe('192.0.2.64');
  expect(networkOf('2001:db8:1:2:3::4', 56)).toBe('2001:db8:1::');
  expect([...addressBytes('192.0.2.77')]).toEqual([192, 0, 2, 77]);
});

test('ranges and mapped addresses', () => {
  expect(['10.0.0.1', 'fe80::1', 'fd00::1', '2001:db8::1'].map(addressRange)).toEqual([
    'private',
    'linkLocal',
    'uniqueLocal',
    'reserved',
  ]);
  expect(unmapIPv4('::ffff:192.0.2.1')).toBe('192.0.2.1');
  expect(unmapIPv4('2001:db8::1')).toBe('2001:db8::1');
});
