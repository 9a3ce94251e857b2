/** Commands for a network namespace that doctor examined from outside. */
import { expect, test } from 'vitest';
import { finding, findingDocument } from '../../src/doctor/finding.ts';
import { setSysctl } from '../../src/doctor/remedies.ts';
import type { Remedy } from '../../src/system/shell-quote.ts';

const command = (remedy: Remedy, netns: string | null): string | null =>
  findingDocument(finding('fault', 'id', 'text', remedy), netns).command;
const LINK: Remedy = [{ argv: ['ip', 'link', 'set', 'dev', 'eth0', 'up'] }];

test('doctor -n: commands for the kernel are printed with the namespace', () => {
  expect(command(LINK, 'blue')).toBe('ip netns exec blue ip link set dev eth0 up');
  expect(command(LINK, null)).toBe('ip link set dev eth0 up');
  expect(command(LINK, 'a b')).toBe("ip netns exec 'a b' ip link set dev eth0 up");
});

test('doctor -n: no command writes a file that only applies to the initial namespace', () => {
  const { remedy, permanentRemedy } = setSysctl(['net', 'mptcp', 'enabled'], 1);
  const document = findingDocument(finding('fault', 'id', 'text', remedy, permanentRemedy), 'blue');
  expect([document.command, document.permanent]).toEqual([
    'ip netns exec blue sysctl -w net.mptcp.enabled=1',
    null,
  ]);
});

test('doctor -n: no command has a redirection that its shell opens elsewhere', () => {
  expect(command([{ argv: ['printf', '1'], output: '/proc/sys/net/mptcp/enabled' }], 'blue')).toBeNull();
});
