/** Checks that the kernel supports MPTCP and has it enabled. */
import type { Facts } from '../facts.ts';
import { finding, type Finding } from '../finding.ts';
import { setSysctl, withSysctl } from '../remedies.ts';

export function checkKernel({ kernel, sysctls }: Facts): Finding[] {
  if (!kernel.mptcp)
    return [
      finding(
        'fault',
        'kernel-mptcp',
        'This kernel has no Multipath TCP, which multihomed needs: boot a kernel with CONFIG_MPTCP.',
      ),
    ];
  return [enabled(kernel.refused, sysctls), pathManager(sysctls), ...timing(sysctls), ipv6(kernel)];
}

function enabled(refused: string | null, sysctls: Facts['sysctls']): Finding {
  if (sysctls.get('mptcp.enabled') === '0')
    return withSysctl(
      'fault',
      'mptcp-enabled',
      'Multipath TCP is disabled in this network namespace (net.mptcp.enabled is 0).',
      setSysctl(['net', 'mptcp', 'enabled'], 1),
    );
  if (refused !== null)
    return finding('fault', 'mptcp-enabled', `The kernel refuses MPTCP sockets: ${refused}.`);
  return finding('ok', 'mptcp-enabled', 'The kernel has Multipath TCP, and it is enabled.');
}

/** `path_manager` (since Linux 6.15) has the name for the number in `pm_type`. */
function pathManager(sysctls: Facts['sysctls']): Finding {
  const name = sysctls.get('mptcp.path_manager');
  const userspace = name === undefined ? sysctls.get('mptcp.pm_type') === '1' : name !== 'kernel';
  if (!userspace) return finding('ok', 'path-manager', "The kernel's own path manager is in use.");
  return withSysctl(
    'fault',
    'path-manager',
    `The path manager is ${name ?? 'userspace'}: endpoints have no effect on new connections.`,
    name === undefined
      ? setSysctl(['net', 'mptcp', 'pm_type'], 0)
      : setSysctl(['net', 'mptcp', 'path_manager'], 'kernel'),
  );
}

function timing(sysctls: Facts['sysctls']): Finding[] {
  const findings: Finding[] = [];
  const read = (name: string): number | null => {
    const text = sysctls.get(`mptcp.${name}`);
    return text === undefined ? null : Number(text);
  };
  const advise = (name: string, text: string, value: number): void => {
    const id = `sysctl-${name.replaceAll('_', '-')}`;
    findings.push(withSysctl('warning', id, text, setSysctl(['net', 'mptcp', name], value)));
  };
  const announce = read('add_addr_timeout');
  if (announce === 0)
    advise(
      'add_addr_timeout',
      'The announcement of an address is not repeated when it is lost (net.mptcp.add_addr_timeout is 0).',
      120,
    );
  const close = read('close_timeout');
  if (close !== null && close < 10)
    advise(
      'close_timeout',
      `A connection without a path is closed after ${close} s (net.mptcp.close_timeout), which is short for a change of networks.`,
      60,
    );
  const stale = read('stale_loss_cnt');
  if (stale === 0)
    advise(
      'stale_loss_cnt',
      'A path that loses all packets is never considered stale (net.mptcp.stale_loss_cnt is 0), so backups are not used.',
      4,
    );
  const scheduler = sysctls.get('mptcp.scheduler');
  if (scheduler !== undefined && scheduler !== 'default')
    findings.push(
      finding(
        'note',
        'scheduler',
        `The packet scheduler, which chooses the path of each packet, is ${scheduler} instead of default.`,
      ),
    );
  if (sysctls.get('mptcp.allow_join_initial_addr_port') === '0')
    findings.push(
      finding(
        'note',
        'sysctl-allow-join-initial-addr-port',
        'Peers may join only at announced addresses (net.mptcp.allow_join_initial_addr_port is 0).',
      ),
    );
  return findings;
}

const ipv6 = ({ ipv6: exists }: Facts['kernel']): Finding =>
  exists
    ? finding('ok', 'kernel-ipv6', 'The kernel has IPv6.')
    : finding('note', 'kernel-ipv6', 'The kernel has no IPv6, so all uplinks are IPv4.');
