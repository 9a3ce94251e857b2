/** What `watch --json` says, one document a line: its keys are promised, and `version` grows when one changes its meaning. */
import type { Model, Rate } from './model.ts';

/** Rates in bytes a second, round-trip times in microseconds, counts in bytes. */
export function watchDocument(model: Model, time: Date): object {
  return {
    version: 1,
    time: time.toISOString(),
    daemon: model.daemon,
    paths: model.paths.map(({ interface: name, address, state, reason, subflows, rate }) => ({
      ...{ interface: name, address, state, reason, subflows },
      rate: whole(rate),
    })),
    connections: model.connections.map(({ token, local, remote, fallback, rate, subflows }) => ({
      ...{ token, local, remote, fallback, rate: whole(rate) },
      subflows: subflows.map(({ interface: of, role, rate: flow, socket }) => ({
        ...{ interface: of, local: socket.local, remote: socket.remote, ids: socket.ids },
        ...{ state: socket.state, role, backup: socket.backup, rate: whole(flow) },
        ...socket.traffic,
      })),
    })),
    problems: model.problems,
  };
}

const whole = (rate: Rate): Rate => ({ in: Math.round(rate.in), out: Math.round(rate.out) });
