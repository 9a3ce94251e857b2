/** The JSON documents of `watch --json`, one per line: docs/json/watch.schema.json. */
import type { SubflowSocket } from '../netlink/diag.ts';
import { tokenText } from '../netlink/mptcp/token.ts';
import type { Model, Rate } from './model.ts';

/** Rates in bit/s, round-trip times in microseconds, amounts in bytes, the time in milliseconds since the epoch. */
export function watchDocument(model: Model, time: Date): object {
  return {
    version: 2,
    time: time.getTime(),
    daemon: model.daemon,
    paths: model.paths.map(({ interface: name, address, state, reason, subflows, rate }) => ({
      ...{ interface: name, address, state, reason, subflows },
      rate: bits(rate),
    })),
    connections: model.connections.map((connection) => ({
      token: tokenText(connection.token),
      ...{ local: connection.local, remote: connection.remote, fallback: connection.fallback },
      ...{ received: connection.received, acked: connection.sent, retransmits: connection.retransmits },
      rate: bits(connection.rate),
      subflows: connection.subflows.map(({ interface: of, role, rate: flow, socket }) => ({
        ...{ interface: of, local: socket.local, remote: socket.remote, ids: socket.ids },
        ...{ state: socket.state, role, backup: socket.backup, rate: bits(flow) },
        ...trafficOf(socket),
      })),
    })),
    problems: model.problems,
  };
}

function trafficOf({ traffic }: SubflowSocket): object {
  if (!traffic) return {};
  const { acked, received, rtt, retransmits, timeouts } = traffic;
  return { acked, received, rtt, retransmits, timeouts };
}

/** Converts from bytes per second. */
const bits = (rate: Rate): Rate => ({ in: Math.round(rate.in * 8), out: Math.round(rate.out * 8) });
