/** From uplinks to what hooks are told: the whole level at each pass. */
import { flagNames } from '../plan/flags.ts';
import type { Plan } from '../plan/plan.ts';
import type { Uplink } from '../plan/uplink.ts';
import type { LinkFacts, UplinkFacts } from '../hooks/occasion.ts';
import type { Snapshot } from '../snapshot/snapshot.ts';

export interface Level {
  readonly uplinks: ReadonlyMap<string, UplinkFacts>;
  readonly links: ReadonlyMap<string, LinkFacts>;
  /** Why the others are not active. */
  readonly farewells: ReadonlyMap<string, string>;
}

export function levelOf(plan: Plan, snapshot: Snapshot): Level {
  const uplinks = new Map<string, UplinkFacts>();
  const farewells = new Map<string, string>();
  for (const uplink of plan.uplinks) {
    const { family, address, prefixLength, rule } = uplink;
    if (!family || !address) continue;
    const key = uplinkKey(uplink);
    if (uplink.state !== 'active' || prefixLength === null || !rule) {
      if (!farewells.has(key)) farewells.set(key, `${uplink.state}: ${uplink.reason}`);
      continue;
    }
    uplinks.set(key, {
      interface: uplink.interface,
      ifindex: uplink.ifindex,
      family,
      address,
      prefixLength,
      gateway: uplink.gateway,
      rule: rule.glob,
      reason: uplink.reason,
      endpointId: uplink.endpoint?.id ?? null,
      flags: flagNames(uplink.flags),
      port: rule.port,
      table: uplink.table,
    });
  }
  const links = new Map<string, LinkFacts>();
  for (const { link, rule } of plan.selected) {
    if (rule.ignore || !link.usable) continue;
    const driver = snapshot.drivers.get(link.index) ?? null;
    const facts = { interface: link.name, ifindex: link.index, rule: rule.glob, reason: 'carrier', driver };
    links.set(`${link.index}`, facts);
  }
  return { uplinks, links, farewells };
}

/** Where one address serves, its successor is the same uplink to a hook: an address that is replaced is a `change`. */
const uplinkKey = ({ ifindex, family, address, rule }: Uplink): string =>
  rule?.perInterface === 1 ? `${ifindex}/${family}` : `${ifindex}/${family}/${address}`;
