/** Checks the kernel's counters since the namespace was created. The past cannot be fixed, so these are notes. */
import type { Facts } from '../facts.ts';
import { finding, type Finding } from '../finding.ts';
import { counted } from '../../messages/count.ts';

interface CounterNote {
  readonly id: string;
  /** Names in net/mptcp/mib.c; their values are added up. */
  readonly counters: readonly string[];
  readonly noun: string;
  readonly rest: string;
}

const NOTES: readonly CounterNote[] = [
  {
    id: 'fallback-out',
    counters: ['MPCapableFallbackSYNACK'],
    noun: 'connection',
    rest: 'from here fell back to TCP: the peer or a middlebox does not support MPTCP',
  },
  {
    id: 'syn-dropped',
    counters: ['MPCapableSYNTXDrop'],
    noun: 'connection',
    rest: 'from here continued without MPTCP, because the first SYNs were not answered',
  },
  {
    id: 'fallback-in',
    counters: ['MPCapableFallbackACK'],
    noun: 'connection',
    rest: 'to this host fell back to TCP before data was sent',
  },
  {
    id: 'fallback-later',
    counters: [
      'DSSNoMatchTCP',
      'DSSCorruptionFallback',
      'MPCapableDataFallback',
      'DssFallback',
      'InfiniteMapRx',
    ],
    noun: 'connection',
    rest: 'fell back to TCP after the start: a middlebox removes MPTCP options or changes data',
  },
  {
    id: 'blackhole',
    counters: ['Blackhole'],
    noun: 'time',
    rest: 'a path dropped all MPTCP handshakes, and the kernel disabled MPTCP for a while (net.mptcp.blackhole_timeout)',
  },
  {
    id: 'join-rejected',
    counters: ['MPJoinRejected'],
    noun: 'join',
    rest: 'by peers refused here: the limit of subflows was reached, or the connection had ended',
  },
  {
    id: 'join-unknown',
    counters: ['MPJoinNoTokenFound'],
    noun: 'join',
    rest: 'arrived for connections that this host does not know (closed before, or behind a load balancer)',
  },
  {
    id: 'join-hmac',
    counters: ['MPJoinSynAckHMacFailure', 'MPJoinAckHMacFailure'],
    noun: 'join',
    rest: 'failed authentication (HMAC): a middlebox changes MPTCP options',
  },
  {
    id: 'join-bind',
    // MPJoinSynTxCreatSkErr is left out, because every server connection that is not accepted yet counts there.
    counters: ['MPJoinSynTxBindErr'],
    noun: 'join',
    rest: 'from here failed before a packet was sent: the address or device of the endpoint was missing',
  },
  {
    id: 'join-failed',
    counters: ['MPJoinSynTxConnectErr'],
    noun: 'join',
    rest: 'from here failed before a packet was sent: the address of the endpoint had no route to the peer',
  },
  {
    id: 'announcement-dropped',
    counters: ['AddAddrDrop', 'AddAddrTxDrop', 'EchoAddTxDrop'],
    noun: 'announcement',
    rest: 'of an address dropped: too many at once, or no room for the option',
  },
  {
    id: 'removal-dropped',
    counters: ['RmAddrDrop', 'RmAddrTxDrop'],
    noun: 'removal',
    rest: 'of an address dropped: too many at once, or no room for the option',
  },
  {
    id: 'stale',
    counters: ['SubflowStale'],
    noun: 'time',
    rest: 'a subflow was considered stale, and its data was sent over another path',
  },
];

/** The count includes joins sent just now, which may still be answered, so this is only a note. */
function unanswered(counters: ReadonlyMap<string, number>): Finding[] {
  const sent = counters.get('MPJoinSynTx') ?? 0;
  const missing = sent - (counters.get('MPJoinSynAckRx') ?? 0);
  if (missing <= 0) return [];
  const text = `${missing} of ${counted(sent, 'join')} from here got no answer or a refusal: a middlebox drops MP_JOIN, or the peer accepts no more subflows (MPJoinSynTx, MPJoinSynAckRx).`;
  return [finding('note', 'counter-join-unanswered', text)];
}

export function checkCounters({ counters }: Facts): Finding[] {
  if (!counters) return [];
  const findings = NOTES.flatMap(({ id, counters: names, noun, rest }): Finding[] => {
    const nonzero = names.filter((name) => (counters.get(name) ?? 0) > 0);
    const sum = nonzero.reduce((all, name) => all + (counters.get(name) ?? 0), 0);
    if (sum === 0) return [];
    return [finding('note', `counter-${id}`, `${counted(sum, noun)} ${rest} (${nonzero.join(', ')}).`)];
  });
  findings.push(...unanswered(counters));
  if (findings.length > 0) return findings;
  return [finding('ok', 'counters', 'The kernel counted no fallback to TCP and no failed or refused join.')];
}
