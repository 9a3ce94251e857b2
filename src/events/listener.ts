/** Listens to rtnetlink and says what became stale; an overrun makes everything stale. */
import { DecodeError } from '../netlink/attribute.ts';
import { decodeMessages } from '../netlink/message.ts';
import { ALL_PARTS, type Part } from '../snapshot/snapshot.ts';
import { NETLINK_ROUTE, openNetlink, type NetlinkSocket } from '../system/addon.ts';
import type { SystemError } from '../system/system-error.ts';
import { routeFilter } from './filter.ts';
import { staleAfter } from './wake.ts';

/** RTNLGRP_* (linux/rtnetlink.h); NEXTHOP is above 31 and has no bit in nl_groups. */
const RTNLGRP_LINK = 1;
const RTNLGRP_IPV4_IFADDR = 5;
const RTNLGRP_IPV4_ROUTE = 7;
const RTNLGRP_IPV4_RULE = 8;
const RTNLGRP_IPV6_IFADDR = 9;
const RTNLGRP_IPV6_ROUTE = 11;
const RTNLGRP_IPV6_RULE = 19;
const RTNLGRP_NEXTHOP = 32;

const GROUPS = [
  RTNLGRP_LINK,
  RTNLGRP_IPV4_IFADDR,
  RTNLGRP_IPV4_ROUTE,
  RTNLGRP_IPV4_RULE,
  RTNLGRP_IPV6_IFADDR,
  RTNLGRP_IPV6_ROUTE,
  RTNLGRP_IPV6_RULE,
  RTNLGRP_NEXTHOP,
];

export interface ListenerOptions {
  readonly netns?: string | undefined;
  /** Bytes; default 8 MiB, of which the kernel gives what the caller may have. */
  readonly receiveBuffer?: number;
  readonly onStale: (parts: Iterable<Part>) => void;
  readonly onOverrun: () => void;
  readonly onError: (error: SystemError) => void;
  /** Port ids whose changes are known: those of our own request sockets. */
  readonly own: ReadonlySet<number>;
}

export function listen(options: ListenerOptions): NetlinkSocket {
  const everything = (): void => {
    options.onOverrun();
    options.onStale(ALL_PARTS);
  };
  const socket = openNetlink({
    protocol: NETLINK_ROUTE,
    ...(options.netns === undefined ? {} : { netns: options.netns }),
    receiveBuffer: options.receiveBuffer ?? 8 << 20,
    onBatch: (buffer, spans) => {
      const stale = staleParts(buffer, spans, options.own);
      if (stale.size > 0) options.onStale(stale);
    },
    onOverrun: everything,
    onError: options.onError,
  });
  // Before joining: nothing unfiltered ever waits in the buffer.
  socket.filter(routeFilter());
  for (const group of GROUPS) socket.join(group);
  return socket;
}

function staleParts(buffer: Buffer, spans: Uint32Array, own: ReadonlySet<number>): Set<Part> {
  const stale = new Set<Part>();
  for (let i = 0; i + 1 < spans.length; i += 2) {
    // All that can be stale is: the rest of the storm adds nothing.
    if (stale.size === ALL_PARTS.length - 1) break;
    try {
      for (const message of decodeMessages(buffer.subarray(spans[i]!, spans[i]! + spans[i + 1]!)))
        if (!own.has(message.portId)) for (const part of staleAfter(message)) stale.add(part);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      for (const part of ALL_PARTS) stale.add(part);
    }
  }
  return stale;
}
