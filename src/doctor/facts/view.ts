/** What the kernel and the daemon say of uplinks, and what other programs have put where ours would be. */
import { askOrNot } from '../../control/client.ts';
import { findObstacle } from '../../daemon/kernel.ts';
import type { StatusDocument } from '../../control/document.ts';
import type { Requester } from '../../netlink/connection.ts';
import type { Family } from '../../netlink/ip.ts';
import { askFib } from '../../netlink/route/fib.ts';
import { dumpRoutes, RT_TABLE_LOCAL, RT_TABLE_MAIN, type Route } from '../../netlink/route/route.ts';
import { explain, type Explanation } from '../../plan/explain.ts';
import type { Memory } from '../../plan/memory.ts';
import { planUnder } from '../../plan/obstacle.ts';
import { plan } from '../../plan/plan.ts';
import { TABLE_BASE } from '../../plan/own-table.ts';
import { tableOf } from '../../plan/select.ts';
import type { Configuration } from '../../rules/rule.ts';
import { PROBES } from '../../snapshot/probe.ts';
import { walk } from '../../snapshot/walk.ts';
import { RTPROT_MULTIHOMED, type Snapshot } from '../../snapshot/snapshot.ts';
import { hasUnit } from '../../system/unit.ts';
import type { View } from '../facts.ts';

const FAMILIES: readonly Family[] = ['ipv4', 'ipv6'];
/** The other half of a split default. */
const LOWER: Readonly<Record<Family, string>> = { ipv4: '1.0.0.1', ipv6: '2600::1' };
/** A route half as long as this is meant as a default. */
const SPLIT = 8;
/** FRA_TABLE values of which a table is worth a look: a host may have thousands of policy rules. */
const MOST_TABLES = 64;

export interface Looked {
  readonly route: Requester;
  readonly socket: string;
  readonly snapshot: Snapshot;
  readonly memory: Memory;
  readonly configuration: Configuration;
}

export async function readView(looked: Looked): Promise<View> {
  const { route, socket, snapshot, memory, configuration } = looked;
  const planned = planUnder(plan(snapshot, configuration, memory, true), findObstacle());
  const { answer: daemon, silent = null } = await askOrNot<StatusDocument>(socket, { ask: 'status' });
  // Where the configuration has errors by now, the daemon still goes by the one before.
  const names = new Set([
    ...planned.selected.filter(({ rule }) => !rule.ignore).map(({ link }) => link.name),
    ...(daemon?.uplinks ?? []).filter(({ state }) => state !== 'ignored').map((uplink) => uplink.interface),
  ]);
  const explanations = await Promise.all(
    [...names].map(async (name) => {
      const request = { ask: 'explain', interface: name };
      const answered = daemon && (await askOrNot<Explanation | null>(socket, request)).answer;
      return answered ?? explain(name, planned, snapshot, configuration, memory);
    }),
  );
  return {
    daemon,
    silent,
    systemd: hasUnit(),
    snapshot,
    plan: planned,
    memory,
    explanations: explanations.filter((each) => each !== null),
    foreignRoutes: await foreignRoutes(
      route,
      planned.selected.map(({ rule, link }) => tableOf(rule, link.index)),
    ),
    otherDefaults: await otherDefaults(route, snapshot),
    unbound: await unbound(route),
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
  const dumps = [...tables.values()].slice(0, MOST_TABLES).map((filter) => dumpRoutes(route, filter));
  return (await Promise.all(dumps)).flat().filter(({ prefixLength }) => prefixLength === 0);
}

/** Without source and device: what a program gets that has never heard of uplinks. */
async function unbound(route: Requester): Promise<View['unbound']> {
  const defaults = FAMILIES.map(async (family) => {
    const hop = (await walk(route, family, {})).route?.hops[0];
    return hop ? [{ family, ifindex: hop.ifindex, split: false }] : [];
  });
  const halves = FAMILIES.flatMap((family) =>
    [PROBES[family][0]!, LOWER[family]].map(async (destination) => {
      const answer = await askFib(route, { family, destination });
      if (!('route' in answer)) return [];
      const { prefixLength, hops } = answer.route;
      return hops[0] && prefixLength > 0 && prefixLength < SPLIT
        ? [{ family, ifindex: hops[0].ifindex, split: true }]
        : [];
    }),
  );
  return (await Promise.all([...defaults, ...halves])).flat();
}
