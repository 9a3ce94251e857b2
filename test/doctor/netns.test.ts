/** Commands for a network namespace that was looked at from outside of it. */
import { expect, test } from 'vitest';
import { finding, findingDocument } from '../../src/doctor/finding.ts';
import { setSysctl } from '../../src/doctor/remedies.ts';
import type { Remedy } from '../../src/system/shell-quote.ts';

const command = (remedy: Remedy, netns: string | null): string | null =>
  findingDocument(finding('fault', 'id', 'text', remedy), netns).command;
const LINK: Remedy = [{ argv: ['ip', 'link', 'set', 'dev', 'eth0', 'up'] }];

test('doctor -n: commands that act on the kernel are run in the namespace', () => {
  expect(command(LINK, 'blue')).toBe('ip netns exec blue ip link set dev eth0 up');
  expect(command(LINK, null)).toBe('ip link set dev eth0 up');
  expect(command(LINK, 'a b')).toBe("ip netns exec 'a b' ip link set dev eth0 up");
});

test('doctor -n: a file that is read at boot for the first namespace alone is not written', () => {
  const { remedy, lasting } = setSysctl(['net', 'mptcp', 'enabled'], 1);
  const document = findingDocument(finding('fault', 'id', 'text', remedy, lasting), 'blue');
  expect([document.command, document.permanent]).toEqual([
    'ip netns exec blue sysctl -w net.mptcp.enabled=1',
    null,
  ]);
});

test('doctor -n: what the shell would open in its own namespace is not printed', () => {
  expect(command([{ argv: ['printf', '1'], output: '/proc/sys/net/mptcp/enabled' }], 'blue')).toBeNull();
});
