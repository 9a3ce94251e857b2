/** Checks the kernel's counters since the namespace was created. The past cannot be fixed, so these are notes. */
import type { Facts } from '../facts.ts';
import { finding, type Finding } from '../finding.ts';
import { counted } from '../../messages/count.ts';

interface Telling {
  readonly id: string;
  /** Names in net/mptcp/mib.h; their values are added. */
  readonly counters: readonly string[];
  readonly thing: string;
  readonly rest: string;
}

const TELLINGS: readonly Telling[] = [
  {
    id: 'fallback-out',
    counters: ['MPCapableFallbackSYNACK'],
    thing: 'connection',
    rest: 'begun here fell back to TCP: the peer or something on the way does not speak MPTCP',
  },
  {
    id: 'syn-dropped',
    counters: ['MPCapableSYNTXDrop'],
    thing: 'connection',
    rest: 'begun here went on without MPTCP: nothing answered the first tries',
  },
  {
    id: 'fallback-in',
    counters: ['MPCapableFallbackACK'],
    thing: 'connection',
    rest: 'from elsewhere fell back to TCP before anything was sent',
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
    thing: 'connection',
    rest: 'fell back to TCP after it had begun: something on the way takes MPTCP options out or changes data',
  },
  {
    id: 'blackhole',
    counters: ['Blackhole'],
    thing: 'time',
    rest: 'a path swallowed MPTCP handshakes, and MPTCP was left off for a while (net.mptcp.blackhole_timeout)',
  },
  {
    id: 'join-rejected',
    counters: ['MPJoinRejected'],
    thing: 'join',
    rest: 'by peers refused here: the subflows limit was reached or the connection had ended',
  },
  {
    id: 'join-unknown',
    counters: ['MPJoinNoTokenFound'],
    thing: 'join',
    rest: 'arrived for connections that this host does not know (closed before, or behind a load balancer)',
  },
  {
    id: 'join-hmac',
    counters: ['MPJoinSynAckHMacFailure', 'MPJoinAckHMacFailure'],
    thing: 'join',
    rest: 'failed at its proof of identity: something on the way changes MPTCP options',
  },
  {
    id: 'join-bind',
    // MPJoinSynTxCreatSkErr is left out, because every server connection that is not accepted yet counts there.
    counters: ['MPJoinSynTxBindErr'],
    thing: 'join',
    rest: 'from here failed before anything was sent: the address or the device of the endpoint was missing',
  },
  {
    id: 'join-failed',
    counters: ['MPJoinSynTxConnectErr'],
    thing: 'join',
    rest: 'from here failed before anything was sent: there was no route to the peer from the address of the endpoint',
  },
  {
    id: 'announcement-dropped',
    counters: ['AddAddrDrop', 'AddAddrTxDrop', 'EchoAddTxDrop'],
    thing: 'announcement',
    rest: 'of an address dropped: too many at once, or no room for the option',
  },
  {
    id: 'removal-dropped',
    counters: ['RmAddrDrop', 'RmAddrTxDrop'],
    thing: 'removal',
    rest: 'of an address dropped: too many at once, or no room for the option',
  },
  {
    id: 'stale',
    counters: ['SubflowStale'],
    thing: 'time',
    rest: 'a subflow was treated as stale, and its data sent over another path',
  },
];

/** The count includes joins sent just now, which may still be answered, so this is only a note. */
function unanswered(counters: ReadonlyMap<string, number>): Finding[] {
  const sent = counters.get('MPJoinSynTx') ?? 0;
  const missing = sent - (counters.get('MPJoinSynAckRx') ?? 0);
  if (missing <= 0) return [];
  const text = `${missing} of ${counted(sent, 'join')} from here got no answer, or a refusal: the path or something on it does not let MP_JOIN through, or the peer takes no more subflows (MPJoinSynTx, MPJoinSynAckRx).`;
  return [finding('note', 'counter-join-unanswered', text)];
}

export function checkCounters({ counters }: Facts): Finding[] {
  if (!counters) return [];
  const findings = TELLINGS.flatMap(({ id, counters: names, thing, rest }): Finding[] => {
    const told = names.filter((name) => (counters.get(name) ?? 0) > 0);
    const sum = told.reduce((all, name) => all + (counters.get(name) ?? 0), 0);
    if (sum === 0) return [];
    return [finding('note', `counter-${id}`, `${counted(sum, thing)} ${rest} (${told.join(', ')}).`)];
  });
  findings.push(...unanswered(counters));
  if (findings.length > 0) return findings;
  return [finding('ok', 'counters', 'The kernel has counted no refused join, failed join or fallback.')];
}
