/** Checks that the daemon may send the probes of the configuration. */
import type { Facts } from '../facts.ts';
import type { Finding } from '../finding.ts';
import { setSysctl, withSysctl } from '../remedies.ts';

export function checkProbes({ configuration, sysctls }: Facts): Finding[] {
  const { track = [] } = configuration.loaded?.health.probe ?? {};
  if (!track.some(({ method }) => method === 'icmp')) return [];
  // First and last group. The kernel's default is "1 0"; Debian 12 does not change it.
  const [first, last] = (sysctls.get('ipv4.ping_group_range') ?? '0 0').split(/\s+/).map(Number);
  if (first! <= last!) return [];
  return [
    withSysctl(
      'warning',
      'ping-group-range',
      'The kernel permits no group to send ICMP echo requests, so probes of targets without "tcp://" or "http://" are not sent.',
      setSysctl(['net', 'ipv4', 'ping_group_range'], '0 2147483647'),
    ),
  ];
}
