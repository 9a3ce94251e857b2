/** Checks that the test connections use MPTCP and have the expected subflows. */
import type { ConnectionFacts, Facts } from '../facts.ts';
import { finding, type Finding } from '../finding.ts';

export function checkConnections({ connections }: Facts): Finding[] {
  return connections.map((each) => {
    const { uplink, peer, outcome } = each;
    const id = uplink ? `peer:${uplink.interface}:${uplink.address}` : 'loopback';
    const name = uplink
      ? `A connection from ${uplink.interface} (${uplink.address}) to ${peer}`
      : 'A connection over loopback';
    switch (outcome.kind) {
      case 'failed':
        return finding(uplink ? 'warning' : 'fault', id, `${name} failed: ${outcome.code}.`);
      case 'untold':
        return finding('note', id, `${name} was made; whether it is MPTCP is not known: ${outcome.why}.`);
      case 'tcp':
        return finding(
          uplink ? 'warning' : 'fault',
          id,
          uplink
            ? `${name} fell back to TCP: the peer or something on the way does not speak MPTCP.`
            : `${name} fell back to TCP: something on this host takes MPTCP options out (netfilter, a security module).`,
        );
      case 'mptcp':
        return subflows(id, name, outcome);
    }
  });
}

function subflows(
  id: string,
  name: string,
  { heard, subflows: found, missing }: ConnectionFacts['outcome'] & { kind: 'mptcp' },
): Finding {
  if (missing.length === 0)
    return finding(
      'ok',
      id,
      `${name} is MPTCP${found.length > 1 ? `, with subflows from ${found.join(', ')}` : ''}.`,
    );
  const without = missing.join(', ');
  return heard
    ? finding(
        'warning',
        id,
        `${name} is MPTCP, and got no subflow from ${without}: that path does not reach the peer, or the peer takes no more.`,
      )
    : finding(
        'note',
        id,
        `${name} is MPTCP; the peer said nothing, and without that no subflow from ${without} is tried.`,
      );
}
