/** Parsers of other programs' files and of the kernel's files. */
import { expect, test } from 'vitest';
import { parseCounters } from '../../src/doctor/facts/counters.ts';
import { parseIni } from '../../src/doctor/facts/ini.ts';
import { mptcpFlags } from '../../src/doctor/facts/network-manager.ts';
import { foreignManagement } from '../../src/doctor/facts/networkd.ts';
import { parsePeer } from '../../src/doctor/peer.ts';

test('counters are read by name', () => {
  const text = 'TcpExt: A B\nTcpExt: 1 2\nMPTcpExt: MPJoinRejected RmAddr\nMPTcpExt: 3 0\n';
  expect([...parseCounters(text)!]).toEqual([
    ['MPJoinRejected', 3],
    ['RmAddr', 0],
  ]);
  expect(parseCounters('TcpExt: A\nTcpExt: 1\n')).toBeNull();
});

test('settings files: sections, comments, spaces', () => {
  const text = 'a=0\n# c=1\n; d=1\n[one]\nkey = value = more\n\n[two]\nempty=\nword\n';
  expect(parseIni(text, 'f').map(({ section, key, value }) => `${section}.${key}:${value}`)).toEqual([
    '.a:0',
    'one.key:value = more',
    'two.empty:',
  ]);
});

test('NetworkManager: named sections win over the plain one; the last file wins within one', () => {
  const lines = [
    ...parseIni(
      '[connection]\nconnection.mptcp-flags=0x22\n[connection-wifi]\nconnection.mptcp-flags=2',
      'main',
    ),
    ...parseIni('[connection]\nconnection.mptcp-flags=1\n[device]\nconnection.mptcp-flags=9', 'drop-in'),
  ];
  expect(mptcpFlags(lines)).toEqual([
    { section: 'connection-wifi', value: '2', file: 'main' },
    { section: 'connection', value: '1', file: 'drop-in' },
  ]);
  expect(mptcpFlags([])).toEqual([]);
});

test.each([
  ['', true, true],
  ['[Network]\nManageForeignRoutingPolicyRules=no', false, true],
  ['[Network]\nManageForeignRoutes=no\n[Network]\nManageForeignRoutes=yes', true, true],
  ['[Link]\nManageForeignRoutes=no', true, true],
  ['[Network]\nManageForeignRoutes=false\nManageForeignRoutingPolicyRules=off', false, false],
])('networkd: %j', (text, foreignRules, foreignRoutes) => {
  expect(foreignManagement(parseIni(text, 'f'))).toEqual({ foreignRules, foreignRoutes });
});

test.each([
  ['server.example:443', { host: 'server.example', port: 443 }],
  ['10.0.0.1:1', { host: '10.0.0.1', port: 1 }],
  ['[2001:db8::1]:22', { host: '2001:db8::1', port: 22 }],
  ['2001:db8::1:22', null],
  ['server', null],
  ['server:0', null],
  ['server:65536', null],
  [':22', null],
])('--peer %s', (text, peer) => {
  expect(parsePeer(text)).toEqual(peer);
});
