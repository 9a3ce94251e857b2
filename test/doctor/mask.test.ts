/** What a report must mask, and what it must keep. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { mask, maskAddress } from '../../src/doctor/mask.ts';
import { addressBytes } from '../../src/netlink/ip.ts';

const key = Buffer.alloc(32, 7);
const masked = (text: string, words: [string, string][] = []): string =>
  mask(text, { key, words: new Map(words) });

test.each([
  'from 10.1.2.3 to 192.168.7.9 and 172.16.0.1, 100.64.3.4',
  'lo 127.0.0.1 ::1 0.0.0.0 :: 224.0.0.1 169.254.1.1 2001:db8::1 192.0.2.1',
  '22:33:06 /etc/multihomed/config.yaml:5:2 table 86840002 c.yaml: found',
  '"kernel": "6.18.44 x86_64"',
])('is not masked: %s', (text) => {
  expect(masked(text)).toBe(text);
});

test.each([
  ['8.8.4.4', 'uplink:eth0:8.8.4.4'],
  ['8.8.4.4', 'to 8.8.4.4:443.'],
  ['8.8.4.4', '"8.8.4.4/24"'],
  ['2400:1:2:3::2', 'uplink:eth0:2400:1:2:3::2'],
  ['2400:1:2:3::2', 'the address 2400:1:2:3::2: gone'],
  ['2400:1:2:3::2', '[2400:1:2:3::2]:22'],
  ['5e10:1', 'fe80::200:5eff:fe10:1%eth0'],
  ['2002:808:404', '2002:808:404::1'],
  ['8.8.4.4', '::ffff:8.8.4.4'],
  ['02:00:5e:10:00:01', 'hardware 02:00:5e:10:00:01'],
  ['02005e100001', 'enx02005e100001: subflow'],
  ['maple', 'host maple and MAPLE.example'],
  ['someone', '/home/someone/rules.yaml'],
])('%s is not in the masked %s', (secret, text) => {
  expect(masked(text, [['maple', 'HOST']]).toLowerCase()).not.toContain(secret.toLowerCase());
});

test('equal addresses stay equal everywhere', () => {
  expect(masked('8.8.4.4 uplink:eth0:8.8.4.4').split(/ uplink:eth0:/)).toEqual([
    maskAddress('8.8.4.4', key),
    maskAddress('8.8.4.4', key),
  ]);
  expect(masked('02:00:5e:10:00:01 enx02005e100001 02:00:5e:10:00:02')).toBe('mac1 enx-mac1 mac2');
});

/** Returns the length of the common prefix of two addresses, in bits. */
function shared(one: string, other: string): number {
  const bits = (address: string): string =>
    [...addressBytes(address)].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  const [a, b] = [bits(one), bits(other)];
  const at = [...a].findIndex((bit, index) => bit !== b[index]);
  return at === -1 ? a.length : at;
}

test('masked addresses keep the length of their common prefix', () => {
  const host = fc.tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0, max: 255 }));
  fc.assert(
    fc.property(host, host, ([a, b], [c, d]) => {
      for (const [one, other] of [
        [`8.8.${a}.${b}`, `8.8.${c}.${d}`],
        [`2400:1:${a}::${b}`, `2400:1:${c}::${d}`],
      ] as const) {
        const [first, second] = [maskAddress(one, key).slice(1), maskAddress(other, key).slice(1)];
        expect(shared(first, second)).toBe(shared(one, other));
      }
    }),
  );
});

test('another key gives other addresses', () => {
  expect(maskAddress('8.8.4.4', key)).not.toBe(maskAddress('8.8.4.4', Buffer.alloc(32, 8)));
});
