/** Listens to the kernel's MPTCP events: generic netlink group mptcp_pm_events (linux/mptcp.h). */
import type { Trace } from '../netlink/connection.ts';
import type { GenericFamily } from '../netlink/generic/family.ts';
import { readBatch, type Message } from '../netlink/message.ts';
import { MPTCP_PM_EVENTS } from '../netlink/mptcp/event.ts';
import { NETLINK_GENERIC, openNetlink, type NetlinkSocket } from '../system/addon.ts';
import type { SystemError } from '../system/system-error.ts';

export interface MptcpListenerOptions {
  readonly family: GenericFamily;
  /** Path of a namespace file; omitted: the caller's. */
  readonly netns?: string | undefined;
  /** Called with all messages that were waiting, in their order. */
  readonly onEvents: (messages: readonly Message[]) => void;
  /** Events were lost; the kernel cannot report them again. */
  readonly onOverrun: () => void;
  readonly onError: (error: SystemError) => void;
  readonly trace?: Trace | undefined;
}

/**
 * Opens the event socket. The caller closes it.
 * @returns null: this kernel has no such group (before Linux 5.12)
 * @throws SystemError EPERM without CAP_NET_ADMIN
 */
export function listenMptcp(options: MptcpListenerOptions): NetlinkSocket | null {
  const { family, netns, onEvents, onOverrun, onError, trace } = options;
  const group = family.groups.get(MPTCP_PM_EVENTS);
  if (group === undefined) return null;
  const socket = openNetlink({
    protocol: NETLINK_GENERIC,
    ...(netns === undefined ? {} : { netns }),
    receiveBuffer: 4 << 20,
    onBatch: (buffer, spans) => {
      const messages: Message[] = [];
      readBatch(buffer, spans, (message) => messages.push(message), onOverrun);
      for (const message of messages) trace?.('received', message, 'event', NETLINK_GENERIC);
      onEvents(messages.filter(({ type }) => type === family.id));
    },
    onOverrun,
    onError,
  });
  try {
    socket.join(group);
  } catch (error) {
    socket.close();
    throw error;
  }
  return socket;
}
