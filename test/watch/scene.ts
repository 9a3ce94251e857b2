/** Models and samples for tests, with only the values that a test needs. */
import type { StatusDocument, UplinkDocument } from '../../src/control/document.ts';
import type { ConnectionSocket, SubflowSocket } from '../../src/netlink/diag.ts';
import { Sampler, type Sample } from '../../src/watch/sample.ts';
import type { Model } from '../../src/watch/model.ts';

export function uplink(facts: Partial<UplinkDocument> = {}): UplinkDocument {
  return {
    interface: 'eth0',
    ifindex: 2,
    address: '10.0.0.2',
    state: 'active',
    reason: 'default route through 10.0.0.1',
    code: 'default-route',
    details: { gateway: '10.0.0.1' },
    stays: null,
    since: null,
    rule: { glob: 'eth*', file: '/etc/multihomed/config.yaml', line: 2 },
    gateway: '10.0.0.1',
    metric: null,
    table: 86840002,
    endpoint: { id: 1, flags: ['subflow'] },
    flags: ['subflow'],
    subflows: null,
    misrouted: null,
    suspect: null,
    ...facts,
  };
}

export const MODEM = uplink({
  interface: 'wwan0',
  ifindex: 3,
  address: '10.1.0.2',
  endpoint: { id: 2, flags: ['subflow', 'backup'] },
});

export function status(
  uplinks: readonly UplinkDocument[],
  facts: Partial<StatusDocument> = {},
): StatusDocument {
  return {
    version: 1,
    daemon: { pid: 71, paused: false, dryRun: false, overruns: 0 },
    silent: null,
    uplinks,
    limits: { subflows: 8, addAddrAccepted: 0 },
    endpoints: { owned: uplinks.length, foreign: 0, slots: 8 },
    problems: [],
    problemDetails: [],
    ...facts,
  };
}

export interface SceneSubflow {
  readonly token?: number;
  readonly cookie: number;
  readonly address?: string;
  readonly remote?: string;
  readonly received?: number;
  readonly acked?: number;
  readonly state?: string;
  readonly backup?: boolean;
  readonly id?: number;
  readonly rtt?: number;
  readonly retransmits?: number;
  readonly timeouts?: number;
}

export function subflow(flow: SceneSubflow): SubflowSocket {
  return {
    token: flow.token ?? 7,
    local: { address: flow.address ?? '10.0.0.2', port: 40_000 + (flow.token ?? 7) },
    remote: { address: flow.remote ?? '203.0.113.5', port: 443 },
    ifindex: 0,
    cookie: flow.cookie,
    state: flow.state ?? 'ESTAB',
    opened: true,
    accepted: true,
    backup: { local: flow.backup ?? false, remote: false },
    ids: { local: flow.id ?? 0, remote: 0 },
    traffic: {
      acked: flow.acked ?? 0,
      received: flow.received ?? 0,
      rtt: flow.rtt ?? 20_000,
      retransmits: flow.retransmits ?? 0,
      timeouts: flow.timeouts ?? 0,
      ...{ duplicates: 0, rttVariation: 0, unacked: 0, sinceSent: 0, sinceData: 0, sinceAck: 0 },
    },
    sockid: { family: 2, bytes: Buffer.alloc(48) },
  };
}

export const connection = (token: number, facts: Partial<ConnectionSocket> = {}): ConnectionSocket => ({
  token,
  local: { address: '10.0.0.2', port: 40_000 + token },
  remote: { address: '203.0.113.5', port: 443 },
  state: 'ESTAB',
  fallback: false,
  extraSubflows: 0,
  sinceData: null,
  ...facts,
});

export function sample(at: number, facts: Partial<Sample> = {}): Sample {
  return {
    at,
    status: status([uplink(), MODEM]),
    subflows: [],
    connections: [],
    names: new Map(),
    problems: [],
    ...facts,
  };
}

/** Open connections, each with a subflow on both uplinks, after two samples. */
export function busy(connections: number, facts: Partial<Sample> = {}): Model {
  const sampler = new Sampler();
  const flows = (megabytes: number): SubflowSocket[] =>
    Array.from({ length: connections }, (_, at) => [
      subflow({ token: at + 1, cookie: 2 * at, received: megabytes * 1e6 * (at + 1) }),
      subflow({ token: at + 1, cookie: 2 * at + 1, address: '10.1.0.2', id: 2, backup: true }),
    ]).flat();
  sampler.take(sample(0, { ...facts, subflows: flows(0) }));
  return sampler.take(sample(1000, { ...facts, subflows: flows(1) }));
}
