/** Returns the faults of a settled host, as text; none if its state is the expected one. */
import { addressFamily } from '../../src/netlink/ip.ts';
import type { Rule } from '../../src/rules/rule.ts';
import { matches, withoutMultihomed } from './decision.ts';
import { SLOTS } from './endpoints.ts';
import { leavesByItsLink, ideal, isBlocked, wantedUplinks, type Wanted } from './expected.ts';
import { neededRouting, ownRouting } from './routing-words.ts';
import { otherTrafficFaults } from './other-traffic.ts';
import { takesAll } from './tunnel.ts';
import type { Host } from './host.ts';
import type { ModelEndpoint, State } from './state.ts';
import type { Fixture } from './fixture.ts';

const BITS: Readonly<Record<string, number>> = { signal: 1, subflow: 2, backup: 4, fullmesh: 8, laminar: 32 };

export function faults(host: Host, fixture: Fixture): string[] {
  const { state, harm } = host.kernel;
  const found = [...harm.map((each) => `harm: ${each}`)];
  const owned = state.endpoints.filter((each) => each.maker === 'daemon');
  if (host.paused) {
    for (const each of [...ownRouting(state), ...owned.map((one) => `endpoint ${one.address}`)])
      found.push(`after flush: ${each}`);
    return [...found, ...limitFaults(host, fixture, owned)];
  }
  const wanted = wantedUplinks(host);
  // Checked on the expected host, because an uplink with wrong routes is still an uplink.
  const routable = wanted.filter((each) => each.routable && !isBlocked(state, each));
  const whole = ideal(state, routable);
  const serving = wanted.filter(
    (each) => leavesByItsLink(each.routable ? whole : state, each) && !isBlocked(state, each),
  );
  for (const each of serving.filter((one) => one.routable))
    if (!leavesByItsLink(state, each))
      found.push(`packets from ${each.address.address} leave through another link`);
  found.push(...endpointFaults(state, owned, serving, host.kernel.misreports ? ~BITS['laminar']! : ~0));
  const lingering = owned.filter((each) => !serving.some((one) => holds(one, each)));
  for (const each of lingering)
    if (
      serving.some(
        (one) =>
          one.address.family === addressFamily(each.address) && owned.some((other) => holds(one, other)),
      )
    )
      found.push(`endpoint ${each.address} dev ${each.ifindex} is left behind beside an active one`);
  for (const each of lingering)
    if (isWithdrawn(host, each) && !host.connections.some((locals) => locals.includes(each.address)))
      found.push(`endpoint ${each.address} dev ${each.ifindex} is left behind after its rule`);
  if (takesAll(withoutMultihomed(state)))
    for (const each of lingering)
      if (
        addressFamily(each.address) === 'ipv4' &&
        ruleOf(host, each)?.tunnel !== 'bypass' &&
        !host.connections.some((locals) => locals.includes(each.address))
      )
        found.push(`endpoint ${each.address} dev ${each.ifindex} is left behind beside a tunnel`);
  found.push(...routingFaults(state, wanted, routable, lingering), ...otherTrafficFaults(state, wanted));
  found.push(...limitFaults(host, fixture, owned), ...hookFaults(host, serving, owned));
  return found;
}

function ruleOf(
  { kernel, configuration }: Host,
  { ifindex }: Pick<ModelEndpoint, 'ifindex'>,
): Rule | undefined {
  const link = kernel.state.links.get(ifindex);
  return link && configuration.rules.find((each) => matches(each.glob, link.name));
}

/** Its link exists, and no rule selects the link and the family any more. */
function isWithdrawn(host: Host, { address, ifindex }: ModelEndpoint): boolean {
  const link = host.kernel.state.links.get(ifindex);
  const rule = ruleOf(host, { ifindex });
  return link !== undefined && (!rule || rule.ignore || !rule.families.includes(addressFamily(address)));
}

const holds = ({ address, link }: Wanted, endpoint: ModelEndpoint): boolean =>
  endpoint.address === address.address && endpoint.ifindex === link.index;

function endpointFaults(
  state: State,
  owned: readonly ModelEndpoint[],
  serving: readonly Wanted[],
  known: number,
): string[] {
  const found: string[] = [];
  const missing = serving.filter((each) => !owned.some((one) => holds(each, one)));
  const room = state.endpoints.length < SLOTS;
  for (const each of missing)
    if (room && each.routable) found.push(`${each.link.name} ${each.address.address} has no endpoint`);
  for (const each of serving) {
    const endpoint = owned.find((one) => holds(each, one));
    const flags = each.rule.flags.reduce((sum, name) => sum | BITS[name]!, 0) & known;
    if (endpoint && endpoint.flags !== flags)
      found.push(`endpoint ${endpoint.address} has flags ${endpoint.flags}, not ${flags}`);
    if (endpoint && endpoint.port !== (each.rule.port ?? 0))
      found.push(`endpoint ${endpoint.address} has port ${endpoint.port}`);
  }
  return found;
}

function routingFaults(
  state: State,
  wanted: readonly Wanted[],
  routable: readonly Wanted[],
  lingering: readonly ModelEndpoint[],
): string[] {
  const present = ownRouting(state);
  const due = new Set(routable.flatMap((each) => neededRouting(each, state)));
  const may = new Set(wanted.flatMap((each) => neededRouting(each, state)));
  const lost = new Set(lingering.map((each) => each.address));
  const tables = new Set(
    state.policyRules.filter((each) => lost.has(each.source ?? '')).map((each) => `${each.table}`),
  );
  const found: string[] = [];
  // If two subnets or gateways compete in one table, it has that of the uplink with the better rank.
  const seen = new Set<string>();
  for (const line of due) {
    const slot = line.replace(/ via .* dev/, ' dev');
    if (!seen.has(slot) && !present.includes(line)) found.push(`missing: ${line}`);
    seen.add(slot);
  }
  for (const line of present) {
    const [, , source] = line.split(' ');
    const kept = line.startsWith('rule ') ? lost.has(source!) : tables.has(line.split(' table ')[1]!);
    if (!may.has(line) && !kept) found.push(`left behind: ${line}`);
  }
  for (const line of present)
    if (present.filter((each) => each === line).length > 1) found.push(`twice: ${line}`);
  return found;
}

/** Limits are raised while an endpoint exists and restored after the last one; an administrator's later change wins. */
function limitFaults(host: Host, fixture: Fixture, owned: readonly ModelEndpoint[]): string[] {
  const found: string[] = [];
  const { limits: setting } = host.configuration;
  for (const name of ['subflows', 'addAddrAccepted'] as const) {
    const now = host.kernel.state.limits[name];
    const admin = fixture.administrator[name];
    const needed =
      owned.length > 0 &&
      (setting !== 'auto' ||
        name === 'subflows' ||
        owned.some((each) => each.flags & (BITS['fullmesh']! | BITS['laminar']!)));
    const goal =
      setting === 'leave' || !needed ? null : setting === 'auto' ? Math.max(SLOTS, admin) : setting[name];
    const right = goal ?? admin;
    if (now === right) continue;
    // A change that is reverted between two passes cannot be detected.
    const taken = fixture.limitsTaken[name];
    if (taken.size > 0 && (taken.has(now) || now === admin || now === SLOTS)) continue;
    found.push(`limit ${name} is ${now}, not ${right} (the administrator's: ${admin})`);
  }
  return found;
}

function hookFaults(host: Host, serving: readonly Wanted[], owned: readonly ModelEndpoint[]): string[] {
  const { recordingHooks } = host;
  const found = recordingHooks.contradictions.map((each) => `hooks: ${each}`);
  const notified = [...recordingHooks.up.keys()].filter((key) => key.includes('/'));
  const active = serving.filter((each) => owned.some((one) => holds(each, one)));
  const keys = active.map(keyOf);
  for (const key of notified) if (!keys.includes(key)) found.push(`hooks ran for ${key}`);
  // An uplink whose table was emptied and cannot be filled again has failed.
  for (const key of active.filter(({ routable }) => routable).map(keyOf))
    if (!notified.includes(key)) found.push(`hooks were not run for ${key}`);
  return found;
}

const keyOf = ({ link, address }: Wanted): string => `${link.index}/${address.family}/${address.address}`;
