/** Checks for other programs that add endpoints, or remove objects that they did not add. */
import type { Facts, Setting } from '../facts.ts';
import { finding, type Finding } from '../finding.ts';
import type { Remedy } from '../../system/shell-quote.ts';
import { writeFile } from '../remedies.ts';
import { isOwned } from '../../actions/ownership.ts';

/** NetworkManager's NM_MPTCP_FLAGS_DISABLED; nm-settings(5), connection.mptcp-flags. */
const DISABLED = 1;
const OVERRIDE = '/etc/NetworkManager/conf.d';

export function checkManagers(facts: Facts): Finding[] {
  return [...networkManager(facts), ...mptcpd(facts), ...networkd(facts)];
}

/** NetworkManager uses the first section that sets the flags for a device. */
const decisiveFlags = (settings: readonly Setting[]): Setting | undefined =>
  settings.find(({ value }) => Number(value) !== 0);

const isDisabled = ({ value }: Setting): boolean => (Number(value) & DISABLED) !== 0;

export const running = ({ managers }: Facts, name: string): boolean =>
  managers.processes.some((process) => process.name === name && process.here !== false);

function networkManager(facts: Facts): Finding[] {
  const { configured, mptcpFlags } = facts.managers.networkManager;
  const runs = running(facts, 'NetworkManager');
  if (!runs && !configured) return [];
  const id = 'networkmanager';
  const decisive = decisiveFlags(mptcpFlags);
  if (decisive && isDisabled(decisive))
    return [finding('ok', id, `NetworkManager adds no MPTCP endpoints (${decisive.file}).`)];
  const text = decisive
    ? `NetworkManager adds MPTCP endpoints (connection.mptcp-flags=${decisive.value} in ${decisive.file}): each conflicts with the uplink that has its address.`
    : `NetworkManager${runs ? '' : ', when it is started,'} adds MPTCP endpoints by default: each conflicts with the uplink that has its address.`;
  return [finding(decisive || runs ? 'warning' : 'note', id, text, leaveEndpoints(facts))];
}

/**
 * Returns the commands after which NetworkManager adds no more endpoints; none if it is configured so. The endpoints
 * that it has added are not deleted.
 */
export function leaveEndpoints(facts: Facts): Remedy {
  const decisive = decisiveFlags(facts.managers.networkManager.mptcpFlags);
  if (decisive && isDisabled(decisive)) return [];
  // For one key in one section, the file that is read last wins: a drop-in in /etc that sorts last.
  const lines = [`[${decisive?.section ?? 'connection'}]`, `connection.mptcp-flags=${DISABLED}`];
  return [
    ...writeFile(OVERRIDE, 'zz-multihomed.conf', lines),
    ...(running(facts, 'NetworkManager') ? [{ argv: ['nmcli', 'general', 'reload'] }] : []),
  ];
}

function mptcpd(facts: Facts): Finding[] {
  if (!running(facts, 'mptcpd')) return [];
  const foreign = (facts.view?.snapshot.endpoints ?? []).filter(
    (endpoint) => !isOwned(facts.view!.state, endpoint),
  );
  const text =
    foreign.length > 0
      ? 'mptcpd is running, and there are endpoints of other programs: two programs manage the same addresses.'
      : 'mptcpd is running: with its plugin addr_adv or sspi it adds endpoints.';
  return [
    finding(foreign.length > 0 ? 'warning' : 'note', 'mptcpd', text, [
      { argv: ['systemctl', 'disable', '--now', 'mptcp.service'] },
    ]),
  ];
}

function networkd(facts: Facts): Finding[] {
  if (!running(facts, 'systemd-network')) return [];
  const { foreignRules, foreignRoutes } = facts.managers.networkd;
  const id = 'networkd';
  if (!foreignRules && !foreignRoutes)
    return [finding('ok', id, 'systemd-networkd does not remove policy rules and routes of other programs.')];
  const what = [...(foreignRules ? ['policy rules'] : []), ...(foreignRoutes ? ['routes'] : [])].join(
    ' and ',
  );
  const lines = ['[Network]', 'ManageForeignRoutingPolicyRules=no', 'ManageForeignRoutes=no'];
  return [
    finding(
      'warning',
      id,
      `systemd-networkd removes ${what} of other programs when it starts or reconfigures a link; multihomed restores them each time.`,
      [
        ...writeFile('/etc/systemd/networkd.conf.d', '90-multihomed.conf', lines),
        { argv: ['systemctl', 'restart', 'systemd-networkd'] },
      ],
    ),
  ];
}
