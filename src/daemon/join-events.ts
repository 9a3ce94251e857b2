/** Listens to the kernel's MPTCP events and counts the joins of each uplink. */
import { listenMptcp } from '../events/mptcp.ts';
import type { Trace } from '../netlink/connection.ts';
import { DecodeError } from '../netlink/attribute.ts';
import type { GenericFamily } from '../netlink/generic/family.ts';
import type { Message } from '../netlink/message.ts';
import { decodeMptcpEvent, type MptcpEvent } from '../netlink/mptcp/event.ts';
import type { JoinRecords } from '../plan/evidence.ts';
import type { Plan } from '../plan/plan.ts';
import { subflowSockets } from '../snapshot/connections.ts';
import type { Clock } from '../system/clock.ts';
import type { Log } from '../system/log.ts';
import { SystemError } from '../system/system-error.ts';
import { JoinCounter } from './join-counter.ts';

export interface JoinEvents {
  readonly records: JoinRecords;
  /** Called after each pass. */
  follow(plan: Plan): void;
  close(): void;
}

/** Opens the event socket. Without events only joins that time out are counted; the reason is logged at debug level. */
export function countJoins(parts: {
  readonly mptcp: GenericFamily;
  readonly netns: string | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly trace?: Trace | undefined;
  readonly onEvent: (event: MptcpEvent) => void;
  readonly onOverrun: () => void;
}): JoinEvents {
  const { mptcp, netns, clock, log, trace } = parts;
  const joins = new JoinCounter({ clock, sockets: () => subflowSockets(netns) });
  const onEvents = (messages: readonly Message[]): void => {
    for (const message of messages) {
      try {
        const event = decodeMptcpEvent(message);
        if (!event) continue;
        joins.observe(event, Date.now());
        parts.onEvent(event);
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error;
      }
    }
  };
  const onError = (error: SystemError): void =>
    log.debug(`joins are not counted: MPTCP events cannot be read: ${error.message}`);
  const socket = listen({
    ...{ family: mptcp, netns, trace, onEvents, onError },
    onOverrun: () => {
      log.debug('MPTCP events were lost: some joins are not counted');
      parts.onOverrun();
    },
  });
  return {
    get records() {
      return joins.records;
    },
    follow: ({ uplinks }) =>
      joins.follow(
        new Set(
          uplinks.flatMap(({ state, address }) =>
            (state === 'active' || state === 'suspect') && address ? [address] : [],
          ),
        ),
      ),
    close: () => {
      joins.stop();
      socket?.close();
    },
  };
}

/** @returns null: no events, because of missing CAP_NET_ADMIN (in a dry run) or a kernel before 5.12 */
function listen(options: Parameters<typeof listenMptcp>[0]): ReturnType<typeof listenMptcp> {
  try {
    return listenMptcp(options);
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    options.onError(error);
    return null;
  }
}
