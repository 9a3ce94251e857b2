/** Facts of a healthy host, for tests that change one of them. */
import type { Facts, HostView } from '../../src/doctor/facts.ts';
import type { Link } from '../../src/netlink/route/link.ts';
import type { PolicyRule } from '../../src/netlink/route/policy-rule.ts';
import type { Route } from '../../src/netlink/route/route.ts';
import { EMPTY_STATE } from '../../src/actions/state.ts';
import { plan } from '../../src/plan/plan.ts';
import { isValid } from '../../src/rules/load.ts';
import type { Configuration } from '../../src/rules/rule.ts';
import { validateFile } from '../../src/rules/validate.ts';
import { lookupKey, type Snapshot } from '../../src/snapshot/snapshot.ts';
import { ADDRESS, LINK, POLICY_RULE, ROUTE } from '../support/objects.ts';

const FILE = '/etc/multihomed/config.yaml';

export function configuration(text: string): Facts['configuration'] {
  const file = validateFile({ file: FILE, text }, 'main');
  const loaded: Configuration = {
    rules: file.rules,
    limits: file.limits ?? 'auto',
    hooks: { timeout: 30_000, user: 'root', path: [] },
    health: file.health ?? { detect: false, rttFactor: 3, margin: 50, probe: null },
    files: [FILE],
    warnings: [],
  };
  if (!isValid(loaded) || file.problems.length > 0) throw new Error(JSON.stringify(file.problems));
  return { loaded, errors: [], texts: new Map([[FILE, text]]) };
}

export const link = (index: number, name: string, more: Partial<Link> = {}): Link => ({
  ...LINK,
  ...{ index, name, hardware: '02:00:5e:10:00:01' },
  ...more,
});

export const policyRule = (more: Partial<PolicyRule>): PolicyRule => ({
  ...POLICY_RULE,
  ...{ priority: 100, table: 77 },
  ...more,
});

export const defaultRoute = (ifindex: number, more: Partial<Route> = {}): Route => ({
  ...ROUTE,
  hops: [{ ifindex, gateway: `10.${ifindex}.0.1`, onlink: false, dead: false }],
  ...more,
});

/** eth1 and eth2, each with an address and a default route. */
export function snapshot(more: Partial<Snapshot> = {}): Snapshot {
  const indices = [1, 2];
  return {
    links: new Map(indices.map((index) => [index, link(index, `eth${index}`)])),
    drivers: new Map(),
    paths: new Map(),
    addresses: indices.map((index) => ({ ...ADDRESS, ifindex: index, address: `10.${index}.0.2` })),
    policyRules: [],
    endpoints: [],
    limits: { subflows: 2, addAddrAccepted: 2 },
    ownRoutes: [],
    lookedUpAt: 0,
    tables: { ipv4: new Map(), ipv6: new Map() },
    egress: { ipv4: null, ipv6: null },
    halves: { ipv4: false, ipv6: false },
    tunnelRoutes: [],
    lookups: new Map(
      indices.map((index) => {
        const route = defaultRoute(index);
        const way = { kind: 'leaves' as const, ifindex: [index], gateway: `10.${index}.0.1`, table: 254 };
        return [
          lookupKey(index, `10.${index}.0.2`),
          {
            host: { kind: 'none' as const },
            default: { route, hop: route.hops[0]! },
            missing: null,
            source: null,
            onLink: true,
            bound: way,
            unbound: way,
          },
        ];
      }),
    ),
    ...more,
  };
}

export interface Spoilt {
  readonly rules?: string;
  readonly snapshot?: Partial<Snapshot>;
  readonly view?: Partial<HostView>;
  readonly facts?: Partial<Facts>;
  readonly sysctls?: Readonly<Record<string, string>>;
}

const DAEMON: HostView['daemon'] = {
  version: 1,
  daemon: { pid: 99, paused: false, dryRun: false, overruns: 0 },
  silent: null,
  uplinks: [],
  limits: { subflows: 2, addAddrAccepted: 2 },
  endpoints: { owned: 2, foreign: 0, slots: null },
  problems: [],
  problemDetails: [],
};

export function facts(spoilt: Spoilt = {}): Facts {
  const own = configuration(spoilt.rules ?? 'rules: { "eth*": subflow }');
  const seen = snapshot(spoilt.snapshot);
  const view: HostView = {
    daemon: DAEMON,
    silent: null,
    systemd: true,
    snapshot: seen,
    plan: plan(seen, own.loaded!, EMPTY_STATE, { assumeRouted: true }),
    state: EMPTY_STATE,
    explanations: [],
    foreignRoutes: [],
    otherDefaults: [],
    ...spoilt.view,
  };
  return {
    kernel: { mptcp: true, refused: null, ipv6: true },
    sysctls: new Map(
      Object.entries({
        'mptcp.enabled': '1',
        'mptcp.path_manager': 'kernel',
        'mptcp.pm_type': '0',
        'mptcp.close_timeout': '60',
        'ipv4.conf.all.rp_filter': '0',
        'ipv4.conf.eth1.rp_filter': '0',
        'ipv4.conf.eth2.rp_filter': '0',
        ...spoilt.sysctls,
      }),
    ),
    configuration: own,
    view,
    managers: {
      processes: [],
      networkManager: { configured: false, mptcpFlags: [] },
      networkd: { foreignRules: true, foreignRoutes: true },
    },
    hooks: [],
    counters: new Map([['MPJoinRejected', 0]]),
    connections: [],
    departures: [],
    unread: [],
    ...spoilt.facts,
  };
}
