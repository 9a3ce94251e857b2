/** Reads the input of all checks. Facts that this user may not read are listed in `unread`. */
import { existsSync, closeSync } from 'node:fs';
import { NetlinkConnection } from '../netlink/connection.ts';
import { NETLINK_SOCK_DIAG, mptcpSocket } from '../system/addon.ts';
import { systemClock } from '../system/clock.ts';
import { SystemError } from '../system/system-error.ts';
import { tryLoopback } from './facts/connection.ts';
import { readCounters } from './facts/counters.ts';
import { findRefusedHooks } from './facts/hooks.ts';
import { tryDepartures } from './facts/departure.ts';
import { readNetworkd } from './facts/networkd.ts';
import { readNetworkManager } from './facts/network-manager.ts';
import { findManagers } from './facts/processes.ts';
import { readSysctls } from './facts/sysctl.ts';
import { readView, type ViewSource } from './facts/view.ts';
import type { ConfigurationFacts, ConnectionFacts, Facts, HostView } from './facts.ts';
import { tryPeer, type Target } from './peer.ts';

export interface Sources {
  readonly configuration: ConfigurationFacts;
  /** null when the kernel has no MPTCP path manager. */
  readonly source: ViewSource | null;
  /** The peer to connect to over each uplink; null for no such test. */
  readonly target: Target | null;
}

export async function gather({ configuration, source, target }: Sources): Promise<Facts> {
  const unread: string[] = [];
  const view = source && (await readView(source));
  const interfaces =
    view?.plan.selected.filter(({ rule }) => !rule.ignore).map(({ link }) => link.name) ?? [];
  const refused = trySocket();
  return {
    kernel: { mptcp: source !== null, refused, ipv6: existsSync('/proc/sys/net/ipv6') },
    sysctls: readSysctls(interfaces, unread),
    configuration,
    view,
    managers: {
      processes: findManagers(unread),
      networkManager: readNetworkManager(unread),
      networkd: readNetworkd(unread),
    },
    hooks: configuration.loaded ? findRefusedHooks(configuration.loaded.hooks.path, unread) : [],
    // Read before the test connections below are made, which would count.
    counters: readCounters(unread),
    connections: refused === null && view ? await connect(view, target, unread) : [],
    departures: view && source ? await tryDepartures(source.route, view) : [],
    unread,
  };
}

/** @returns the errno's name, or null */
function trySocket(): string | null {
  try {
    closeSync(mptcpSocket('ipv4'));
    return null;
  } catch (error) {
    if (error instanceof SystemError) return error.code;
    throw error;
  }
}

async function connect(view: HostView, target: Target | null, unread: string[]): Promise<ConnectionFacts[]> {
  const diag = new NetlinkConnection({ protocol: NETLINK_SOCK_DIAG, clock: systemClock });
  try {
    return [
      await tryLoopback(diag, view.snapshot),
      ...(target ? await tryPeer(diag, target, view, unread) : []),
    ];
  } finally {
    diag.close();
  }
}
