/** Reports uplinks whose packets a firewall of the host refuses or misroutes although the routes are right. */
import { EXEMPTION } from '../../messages/advice.ts';
import { RTPROT_MULTIHOMED } from '../../netlink/route/protocol.ts';
import type { DepartureFacts, Facts, HostView } from '../facts.ts';
import { finding, type Finding } from '../finding.ts';

export function checkDepartures({ departures, view }: Facts): Finding[] {
  return departures.flatMap(({ uplink, outcome }) => {
    if (outcome.kind === 'sent') return [];
    const id = `departure:${uplink.interface}:${uplink.address}`;
    const name = `${uplink.interface} (${uplink.address})`;
    // A firewall that permits few destinations or protocols may refuse the datagram alone.
    if (outcome.kind === 'refused' && outcome.code === 'EPERM')
      return finding(
        'note',
        id,
        `The firewall of this host refuses a datagram over ${name}. If it also refuses TCP, no connection uses this uplink.`,
      );
    return finding('warning', id, `${describe(name, outcome)}.${view ? markCause(view) : ''} ${ADVICE}`);
  });
}

function describe(name: string, outcome: DepartureFacts['outcome']): string {
  return outcome.kind === 'refused'
    ? `Packets of connections over ${name} cannot leave: ${outcome.code}`
    : `Packets of connections over ${name} do not go to the gateway: the kernel finds no route for them and looks for ` +
        'their destination on the link, so connections fail with EHOSTUNREACH';
}

const ADVICE = `To solve this, ${EXEMPTION}.`;

/** Names the policy rules that may send marked packets through another link; an empty text if there are none. */
export function markCause({ snapshot }: HostView): string {
  const marked = snapshot.policyRules.filter(
    ({ protocol, fwmark, fwmask }) => protocol !== RTPROT_MULTIHOMED && (fwmark & fwmask) !== 0,
  );
  if (marked.length === 0) return '';
  const priorities = [...new Set(marked.map(({ priority }) => priority))].join(', ');
  return (
    ` Policy rules for firewall marks (${priorities}) may send its packets through another link: mwan3 and Passwall, for example, ` +
    'mark packets that the host itself sends.'
  );
}
