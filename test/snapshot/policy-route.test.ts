/**
 * Compares the evaluation of policy rules with the kernel: random rules and routes, and `ip route get` from each
 * address. MULTIHOMED_RULE_SETS sets their number for each family; MULTIHOMED_SEED repeats a run.
 */
import { spawnSync } from 'node:child_process';
import { describe, expect } from 'vitest';
import { NetlinkConnection } from '../../src/netlink/connection.ts';
import type { Family } from '../../src/netlink/ip.ts';
import { dumpLinks } from '../../src/netlink/route/link.ts';
import { dumpPolicyRules } from '../../src/netlink/route/policy-rule.ts';
import { dumpRoutes } from '../../src/netlink/route/route.ts';
import { policyRoute, type PolicyRoute, type Tables } from '../../src/snapshot/policy-route.ts';
import { NETLINK_ROUTE } from '../../src/system/addon.ts';
import { systemClock } from '../../src/system/clock.ts';
import { test } from '../support/lab.ts';
import type { Netns, Version } from '../support/netns.ts';
import { SEED } from '../support/seed.ts';
import { addressOf, destinations, GROUP, LINKS, RuleSets } from './rule-sets.ts';

const SETS = Number(process.env['MULTIHOMED_RULE_SETS'] ?? 100);
/** Number of rule sets for each set of routes. */
const EACH_ROUTES = 5;
const READ = [100, 101, 102, 199, 254, 253];

/** Returns the answer of `ip` to each line: its JSON, or the kernel's refusal. Every line is run. */
function batch(netns: Netns, version: Version, lines: readonly string[]): string[] {
  const { stdout, stderr } = spawnSync(
    'ip',
    ['-n', netns.name, `-${version}`, '-N', '-j', '-force', '-batch', '-'],
    { input: `${lines.join('\n')}\n`, encoding: 'utf8', maxBuffer: 1 << 26 },
  );
  const said = stdout.split('\n').filter((line) => line.startsWith('[{'));
  const refused = new Map<number, string>();
  let why = '';
  for (const line of stderr.split('\n')) {
    const [, number] = /^Command failed -:(\d+)/.exec(line) ?? [];
    if (number === undefined) why = line.replace(/^RTNETLINK answers: /, '');
    else refused.set(Number(number) - 1, why);
  }
  return lines.flatMap((line, at) =>
    line.startsWith('route get') ? [refused.get(at) ?? said.shift()!] : [],
  );
}

interface Shown {
  readonly dst: string;
  readonly gateway?: string;
  readonly dev?: string;
  readonly table?: string;
}

function answerOf(text: string): string {
  if (!text.startsWith('[')) return text;
  const [{ dst, gateway = '-', dev = '-', table = 'main' }] = JSON.parse(text) as [Shown];
  const destination = /[/]|default/.test(dst) ? dst : `${dst}/${dst.includes(':') ? 128 : 32}`;
  return `${destination} via ${gateway} dev ${dev} table ${table}`;
}

const ERRORS: Readonly<Record<string, string>> = {
  EINVAL: 'Invalid argument',
  ENETUNREACH: 'Network is unreachable',
  EHOSTUNREACH: 'No route to host',
  EACCES: 'Permission denied',
};

function words(found: PolicyRoute, names: ReadonlyMap<number, string>): string {
  if (found.kind === 'none') return ERRORS['ENETUNREACH']!;
  if (found.kind === 'unread') return `table ${found.rule.table} is not read`;
  if (found.kind === 'refused') return ERRORS[found.code]!;
  const { route, hop } = found;
  const destination = route.destination === null ? 'default' : `${route.destination}/${route.prefixLength}`;
  const table = route.table === 254 ? 'main' : `${route.table}`;
  return `${destination} via ${hop?.gateway ?? '-'} dev ${names.get(hop?.ifindex ?? 0) ?? '-'} table ${table}`;
}

function addRoutes(netns: Netns, version: Version): void {
  for (const link of LINKS) {
    netns.ip(`link add u${link} type veth peer name p${link}`);
    netns.ip(`link set p${link} up`);
    netns.ip(`link set u${link} up`);
    if (link === 3) netns.ip(`link set u${link} group ${GROUP}`);
    const bits = version === 4 ? '24' : '64 nodad';
    for (const which of [0, 1])
      netns.ip(`address add ${addressOf(version, link, which)}/${bits} dev u${link}`);
  }
}

describe.each([
  [4, 'ipv4'],
  [6, 'ipv6'],
] as const)('IPv%i', (version, family: Family) => {
  test(
    `policy rules: ${SETS} random sets give the kernel’s result (MULTIHOMED_SEED=${SEED})`,
    { timeout: 120_000 + SETS * 100 },
    async ({ lab: { host } }) => {
      addRoutes(host, version);
      const kernel = new NetlinkConnection({ clock: systemClock, netns: host.path, protocol: NETLINK_ROUTE });
      const links = await dumpLinks(kernel);
      const names = new Map(links.map(({ index, name }) => [index, name]));
      const groups = new Map(links.map(({ index, group }) => [index, group]));
      const packets = LINKS.flatMap((link) => [0, 1].map((which) => addressOf(version, link, which))).flatMap(
        (source) => destinations(version).map((destination) => ({ family, source, destination, uid: 0 })),
      );
      const gets = packets.map(
        ({ source, destination }) => `route get fibmatch ${destination} from ${source}`,
      );
      const sets = new RuleSets(version, SEED);
      const kinds = new Map<string, number>();
      let tables: Tables = new Map();
      try {
        for (let set = 0; set < SETS; set++) {
          const lines = [...(set % EACH_ROUTES === 0 ? sets.routes() : []), ...sets.rules()];
          const said = batch(host, version, [...lines, ...gets]).map(answerOf);
          const rules = await dumpPolicyRules(kernel, family);
          if (set % EACH_ROUTES === 0)
            tables = new Map(
              await Promise.all(
                READ.map(
                  async (table) =>
                    [table, await dumpRoutes(kernel, { family, table, anyService: true })] as const,
                ),
              ),
            );
          const own = packets.map((packet) => {
            const found = policyRoute(packet, rules, tables, (ifindex) => groups.get(ifindex) ?? 0);
            kinds.set(found.kind, (kinds.get(found.kind) ?? 0) + 1);
            return words(found, names);
          });
          const different = gets.flatMap((get, at) =>
            own[at] === said[at] ? [] : [`${get}: evaluated: ${own[at]}; the kernel: ${said[at]}`],
          );
          expect(
            different.length > 0
              ? {
                  set,
                  different,
                  rules: host.ip(`-${version} rule show`),
                  routes: host.ip(`-${version} route show table all proto static`),
                }
              : null,
          ).toBe(null);
        }
      } finally {
        kernel.close();
      }
      // Every kind of result occurred.
      expect([...kinds.keys()].sort()).toEqual(['none', 'refused', 'route']);
    },
  );
});
