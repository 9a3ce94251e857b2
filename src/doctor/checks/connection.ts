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
      case 'unknown':
        return finding('note', id, `${name} was made, but whether it uses MPTCP is unknown: ${outcome.why}.`);
      case 'tcp':
        return finding(
          uplink ? 'warning' : 'fault',
          id,
          uplink
            ? `${name} fell back to TCP: the peer or a middlebox does not support MPTCP.`
            : `${name} fell back to TCP: something on this host removes MPTCP options (netfilter, a security module).`,
        );
      case 'mptcp':
        return subflows(id, name, outcome);
    }
  });
}

function subflows(
  id: string,
  name: string,
  { received, subflows: found, missing }: ConnectionFacts['outcome'] & { kind: 'mptcp' },
): Finding {
  if (missing.length === 0)
    return finding(
      'ok',
      id,
      `${name} uses MPTCP${found.length > 1 ? `, with subflows from ${found.join(', ')}` : ''}.`,
    );
  const without = missing.join(', ');
  return received
    ? finding(
        'warning',
        id,
        `${name} uses MPTCP, but got no subflow from ${without}: that path does not reach the peer, or the peer accepts no more subflows.`,
      )
    : finding(
        'note',
        id,
        `${name} uses MPTCP. No subflow from ${without} was tried: the kernel waits for data from the peer, which sent none.`,
      );
}
