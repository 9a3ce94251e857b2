/** Records the kernel's reports: events of links, routes and MPTCP subflows, and the counters of links. */
import { NetlinkConnection } from '../netlink/connection.ts';
import { findFamily } from '../netlink/generic/family.ts';
import { readBatch, type Message } from '../netlink/message.ts';
import { MPTCP_PM } from '../netlink/mptcp/endpoint.ts';
import { decodeMptcpEvent, MPTCP_PM_EVENTS, type MptcpEvent } from '../netlink/mptcp/event.ts';
import { decodeLink, dumpLinks, linkBytes, RTM_DELLINK, RTM_NEWLINK } from '../netlink/route/link.ts';
import { decodeRoute, RTM_NEWROUTE, RT_TABLE_MAIN } from '../netlink/route/route.ts';
import { NETLINK_GENERIC, NETLINK_ROUTE, openNetlink, type NetlinkSocket } from '../system/addon.ts';
import { systemClock } from '../system/clock.ts';
import type { EventLog } from './event-log.ts';
import type { LinkCounters, LinkFact, SubflowFact } from './fact.ts';
import { PATHS } from './topology.ts';

const RTNLGRP_LINK = 1;
const RTNLGRP_IPV4_ROUTE = 7;

export class KernelMonitor {
  readonly #events: EventLog;
  readonly #route = new NetlinkConnection({ protocol: NETLINK_ROUTE, clock: systemClock });
  readonly #names = new Map<number, string>();
  readonly #states = new Map<string, LinkFact['state']>();
  readonly #initial = new Set<string>();

  private constructor(events: EventLog) {
    this.#events = events;
  }

  /** `internet` is the path of the server's network namespace. */
  static async begin(events: EventLog, internet: string): Promise<KernelMonitor> {
    const monitor = new KernelMonitor(events);
    const links = openEvents(NETLINK_ROUTE, undefined, (message) => monitor.#routeEvent(message));
    links.join(RTNLGRP_LINK);
    links.join(RTNLGRP_IPV4_ROUTE);
    for (const [side, netns] of [
      ['laptop', undefined],
      ['server', internet],
    ] as const) {
      const group = await eventGroup(netns);
      openEvents(NETLINK_GENERIC, netns, (message) => {
        const event = decodeMptcpEvent(message);
        if (event) monitor.#mptcpEvent(side, event);
      }).join(group);
    }
    return monitor;
  }

  async counters(): Promise<Record<string, LinkCounters>> {
    const counters: Record<string, LinkCounters> = {};
    for (const { index, name } of await dumpLinks(this.#route)) {
      if (!PATHS.some((path) => path.interface === name)) continue;
      // The link may be removed between the two requests.
      const bytes = await linkBytes(this.#route, index).catch(() => null);
      if (bytes) counters[name] = { received: Number(bytes.received), sent: Number(bytes.sent) };
    }
    return counters;
  }

  #routeEvent(message: Message): void {
    if (message.type === RTM_NEWROUTE) return this.#routeAdded(message);
    if (message.type !== RTM_NEWLINK && message.type !== RTM_DELLINK) return;
    const link = decodeLink(message);
    if (!link || !PATHS.some((path) => path.interface === link.name)) return;
    this.#names.set(link.index, link.name);
    const gone = message.type === RTM_DELLINK;
    const state = gone ? 'gone' : link.usable ? 'carrier' : 'no carrier';
    if (this.#states.get(link.name) === state) return;
    this.#states.set(link.name, state);
    this.#events.record({ kind: 'link', interface: link.name, state });
  }

  #routeAdded(message: Message): void {
    const route = decodeRoute(message);
    if (!route || route.table !== RT_TABLE_MAIN || route.prefixLength !== 0) return;
    for (const { ifindex, gateway } of route.hops)
      this.#events.record({ kind: 'route', interface: this.#names.get(ifindex) ?? `${ifindex}`, gateway });
  }

  #mptcpEvent(side: SubflowFact['side'], event: MptcpEvent): void {
    const { kind, local, remote, backup, error } = event;
    if (!local || !remote) return;
    const initial = kind === 'established';
    if (!initial && kind !== 'subflow-established' && kind !== 'subflow-closed') return;
    const [laptop, server] = side === 'laptop' ? [local, remote] : [remote, local];
    const path = PATHS.find(({ address }) => address === laptop.address);
    const name = `${laptop.address}:${laptop.port}`;
    if (initial) this.#initial.add(name);
    this.#events.record({
      kind: 'subflow',
      side,
      event: kind === 'subflow-closed' ? 'closed' : 'established',
      initial: this.#initial.has(name),
      interface: path?.interface ?? 'unknown',
      laptop: name,
      server: `${server.address}:${server.port}`,
      backup,
      error,
    });
  }
}

function openEvents(
  protocol: number,
  netns: string | undefined,
  onMessage: (message: Message) => void,
): NetlinkSocket {
  return openNetlink({
    protocol,
    ...(netns === undefined ? {} : { netns }),
    receiveBuffer: 1 << 20,
    onBatch(buffer, spans) {
      readBatch(buffer, spans, onMessage, (error) => {
        throw error;
      });
    },
    onOverrun() {
      throw new Error('the kernel dropped events, although there are few');
    },
    onError(error) {
      throw error;
    },
  });
}

async function eventGroup(netns: string | undefined): Promise<number> {
  const connection = new NetlinkConnection({ protocol: NETLINK_GENERIC, clock: systemClock, netns });
  try {
    const group = (await findFamily(connection, MPTCP_PM))?.groups.get(MPTCP_PM_EVENTS);
    if (group === undefined) throw new Error('the kernel has no MPTCP events');
    return group;
  } finally {
    connection.close();
  }
}
