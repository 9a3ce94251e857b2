/** Listens to rtnetlink and reports which parts of the snapshot became stale; an overrun makes all of them stale. */
import type { Trace } from '../netlink/connection.ts';
import { readBatch, type Message } from '../netlink/message.ts';
import { DirtyCollector, type Dirty } from '../snapshot/dirty.ts';
import { ALL_PARTS, type SnapshotPart } from '../snapshot/snapshot.ts';
import { NETLINK_ROUTE, openNetlink } from '../system/addon.ts';
import type { SystemError } from '../system/system-error.ts';
import { eventFilter } from './filter.ts';
import { dirtyAfter, eventKind, staleAfter, touchedBy, type EventKind } from './wake.ts';

/** RTNLGRP_* (linux/rtnetlink.h). NEXTHOP is above 31 and has no bit in nl_groups, so groups are joined one by one. */
const RTNLGRP_LINK = 1;
const RTNLGRP_NEIGH = 3;
const RTNLGRP_IPV4_IFADDR = 5;
const RTNLGRP_IPV4_ROUTE = 7;
const RTNLGRP_IPV4_RULE = 8;
const RTNLGRP_IPV6_IFADDR = 9;
const RTNLGRP_IPV6_ROUTE = 11;
const RTNLGRP_IPV6_RULE = 19;
const RTNLGRP_NEXTHOP = 32;

const GROUPS = [
  RTNLGRP_LINK,
  RTNLGRP_NEIGH,
  RTNLGRP_IPV4_IFADDR,
  RTNLGRP_IPV4_ROUTE,
  RTNLGRP_IPV4_RULE,
  RTNLGRP_IPV6_IFADDR,
  RTNLGRP_IPV6_ROUTE,
  RTNLGRP_IPV6_RULE,
  RTNLGRP_NEXTHOP,
];

/** Size in bytes; the kernel may grant less, depending on the caller's capabilities. */
const RECEIVE_BUFFER = 8 << 20;

export interface ListenerOptions {
  readonly netns?: string | undefined;
  /**
   * `touched`: indices of the links that changed; null: any link may have changed. `dirty`: look-ups that may have
   * changed; null: any.
   */
  readonly onStale: (
    parts: Iterable<SnapshotPart>,
    touched: Iterable<number> | null,
    dirty: Dirty | null,
  ) => void;
  /** Called with each message that makes something stale, before onStale; for counters. */
  readonly onEvent?: (kind: EventKind) => void;
  /** Events were lost. Everything must be read again. */
  readonly onOverrun: () => void;
  readonly onError: (error: SystemError) => void;
  /** Port ids of multihomed's own request sockets; their changes are already known. */
  readonly own: ReadonlySet<number>;
  readonly trace?: Trace | undefined;
}

export interface EventSocket {
  /**
   * From now on, routes without a gateway and routes of an administrator wake the daemon only if they lead through
   * one of these links. If one of them is new, routes are stale: events about its routes may have been dropped.
   */
  follow(links: ReadonlySet<number>): void;
  close(): void;
}

/**
 * Opens the event socket, which reports routes through every link at first. The caller closes it.
 * @throws SystemError
 */
export function listen(options: ListenerOptions): EventSocket {
  const socket = openNetlink({
    protocol: NETLINK_ROUTE,
    ...(options.netns === undefined ? {} : { netns: options.netns }),
    receiveBuffer: RECEIVE_BUFFER,
    onBatch: (buffer, spans) => {
      const { parts, touched, dirty } = staleAfterAll(buffer, spans, options);
      if (parts.size > 0) options.onStale(parts, touched, dirty.dirty);
    },
    onOverrun: options.onOverrun,
    onError: options.onError,
  });
  // Set the filter before joining, so that no unfiltered message ever waits in the buffer.
  socket.filter(eventFilter(null));
  for (const group of GROUPS) socket.join(group);
  let followed: ReadonlySet<number> | null = null;
  let closed = false;
  return {
    follow(links) {
      if (closed) return;
      const before = followed;
      const isNew = before !== null && [...links].some((index) => !before.has(index));
      if (before !== null && !isNew && links.size === before.size) return;
      socket.filter(eventFilter(links));
      followed = links;
      if (isNew) options.onStale(['routes'], [], null);
    },
    close() {
      closed = true;
      socket.close();
    },
  };
}

interface Stale {
  readonly parts: Set<SnapshotPart>;
  readonly touched: Set<number>;
  readonly dirty: DirtyCollector;
}

function staleAfterAll(buffer: Buffer, spans: Uint32Array, { own, trace, onEvent }: ListenerOptions): Stale {
  const stale: Stale = { parts: new Set(), touched: new Set(), dirty: new DirtyCollector() };
  readBatch(
    buffer,
    spans,
    (message) => {
      trace?.('received', message, 'event', NETLINK_ROUTE);
      if (!own.has(message.portId)) addStale(stale, message, onEvent);
    },
    () => {
      for (const part of ALL_PARTS) stale.parts.add(part);
      stale.dirty.add(null);
    },
  );
  return stale;
}

function addStale(all: Stale, message: Message, onEvent: ListenerOptions['onEvent']): void {
  const stale = staleAfter(message);
  for (const part of stale) all.parts.add(part);
  if (stale.length > 0) all.dirty.add(dirtyAfter(message));
  const kind = eventKind(message);
  if (stale.length > 0 && kind) onEvent?.(kind);
  const ifindex = touchedBy(message);
  if (ifindex !== null) all.touched.add(ifindex);
}
