/**
 * Reads the state of uplinks from the kernel and the daemon, and finds other programs' routes in multihomed's tables.
 */
import { askOrNot } from '../../control/client.ts';
import type { StatusDocument } from '../../control/document.ts';
import type { Requester } from '../../netlink/connection.ts';
import { FAMILIES } from '../../netlink/ip.ts';
import { dumpRoutes, RT_TABLE_LOCAL, RT_TABLE_MAIN, type Route } from '../../netlink/route/route.ts';
import { explain, type Explanation } from '../../messages/explain.ts';
import type { State } from '../../actions/state.ts';
import { planUnder } from '../../plan/obstacle.ts';
import { plan } from '../../plan/plan.ts';
import { TABLE_BASE } from '../../plan/own-table.ts';
import { tableOf } from '../../plan/select.ts';
import type { Configuration } from '../../rules/rule.ts';
import { type Snapshot } from '../../snapshot/snapshot.ts';
import { hasUnit } from '../../system/unit.ts';
import type { HostView } from '../facts.ts';
import { findObstacle } from '../../snapshot/obstacle.ts';
import { RTPROT_MULTIHOMED } from '../../netlink/route/protocol.ts';

/** Maximum number of tables to read, since a host may have policy rules for thousands of tables. */
const MAX_TABLES = 64;

export interface ViewSource {
  readonly route: Requester;
  readonly socket: string;
  readonly snapshot: Snapshot;
  readonly state: State;
  readonly configuration: Configuration;
}

export async function readView(source: ViewSource): Promise<HostView> {
  const { route, socket, snapshot, state, configuration } = source;
  const planned = planUnder(plan(snapshot, configuration, state, { assumeRouted: true }), findObstacle());
  const { answer: daemon, silent = null } = await askOrNot<StatusDocument>(socket, { ask: 'status' });
  // When the configuration has errors by now, the daemon still uses the previous one.
  const names = new Set([
    ...planned.selected.filter(({ rule }) => !rule.ignore).map(({ link }) => link.name),
    ...(daemon?.uplinks ?? []).filter(({ state }) => state !== 'ignored').map((uplink) => uplink.interface),
  ]);
  const explanations = await Promise.all(
    [...names].map(async (name) => {
      const request = { ask: 'explain', interface: name };
      const answered = daemon && (await askOrNot<Explanation | null>(socket, request)).answer;
      return answered ?? explain(name, { plan: planned, snapshot, configuration, state });
    }),
  );
  return {
    daemon,
    silent,
    systemd: hasUnit(),
    snapshot,
    plan: planned,
    state,
    explanations: explanations.filter((each) => each !== null),
    foreignRoutes: await foreignRoutes(
      route,
      planned.selected.map(({ rule, link }) => tableOf(rule, link.index)),
    ),
    otherDefaults: await otherDefaults(route, snapshot),
  };
}

async function foreignRoutes(route: Requester, tables: readonly (number | null)[]): Promise<Route[]> {
  const own = [...new Set(tables)].filter((table) => table !== null && table >= TABLE_BASE);
  const dumps = own.flatMap((table) =>
    FAMILIES.map((family) => dumpRoutes(route, { family, table: table! })),
  );
  return (await Promise.all(dumps)).flat().filter(({ protocol }) => protocol !== RTPROT_MULTIHOMED);
}

async function otherDefaults(route: Requester, snapshot: Snapshot): Promise<Route[]> {
  const tables = new Map(
    snapshot.policyRules
      .filter((rule) => rule.protocol !== RTPROT_MULTIHOMED)
      .filter(
        ({ table }) => table !== 0 && table !== RT_TABLE_MAIN && table !== RT_TABLE_LOCAL && table !== 253,
      )
      .map(({ family, table }) => [`${family} ${table}`, { family, table }]),
  );
  const dumps = [...tables.values()].slice(0, MAX_TABLES).map((filter) => dumpRoutes(route, filter));
  return (await Promise.all(dumps)).flat().filter(({ prefixLength }) => prefixLength === 0);
}
