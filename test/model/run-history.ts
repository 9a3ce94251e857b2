/** Runs one history to its end and returns the faults that occurred. */
import { addressFamily, type Family } from '../../src/netlink/ip.ts';
import { ALL_PARTS } from '../../src/snapshot/snapshot.ts';
import { Prng } from './prng.ts';
import { configurationOf } from './configurations.ts';
import { SLOTS } from './endpoints.ts';
import { matches } from './decision.ts';
import { IMPLICIT } from './expected.ts';
import { OPENINGS, type History } from './histories.ts';
import { leadingLinks } from './holder.ts';
import { Host } from './host.ts';
import type { ModelAddress, ModelEndpoint } from './state.ts';
import type { Step } from './steps.ts';
import { applyStep } from './apply-step.ts';
import { TUNNEL } from './tunnel.ts';
import { recordMaximum, count } from './counters.ts';
import { faults } from './verdict.ts';
import { Fixture } from './fixture.ts';

/** Longer than all timers: the poll, the limiter's refill, a retry. */
const LONG_MS = 100_000;

/** Runs a history to its end. @returns the faults, as text */
export async function runHistory(
  history: History,
  watch?: (step: Step, host: Host) => void,
): Promise<string[]> {
  const host = new Host(configurationOf(history));
  const fixture = new Fixture(host);
  const found: string[] = [];
  try {
    host.kernel.misreports = history.misreports;
    host.random = new Prng(history.noise);
    host.recordingHooks.slowness = history.slowness;
    host.start();
    for (const step of [...OPENINGS[history.opening], ...history.steps]) {
      found.push(...(await runStep(host, fixture, step)));
      watch?.(step, host);
    }
    await host.settle();
    host.daemon.requester.changesUntilCrash = null;
    host.daemon.requester.lostAnswers = 0;
    host.overrun();
    await host.settle();
    found.push(...(await host.differences()));
    if (history.steps.every(({ op }) => WITH_EVENTS.has(op))) {
      await host.pass(SOON_MS);
      const { failures, contested } = host.daemon.loop.view!.state;
      host.kernel.state.countPeculiarity('judged within a second');
      // Refused changes, and objects that others keep removing, are retried at times of their own.
      if (failures.size === 0 && contested.size === 0 && host.recordingHooks.slowness === 0)
        found.push(...faults(host, fixture).map((each) => `a second later: ${each}`));
    }
    await host.pass(LONG_MS);
    found.push(...faults(host, fixture));
    found.push(...(await furtherChanges(host)));
    const most = mostChanges(history, host);
    if (host.kernel.done.length > most)
      found.push(`${host.kernel.done.length} changes, and at most ${most} are allowed`);
    recordMaximum('changes in percent of the allowed maximum', (100 * host.kernel.done.length) / most);
  } finally {
    count(host);
    host.end();
  }
  return found;
}

/** The daemon must respond to an event within this time. */
const SOON_MS = 1_000;
/** Steps with an event. The kernel sends none for endpoints and limits, or for a default that expires. */
const WITH_EVENTS: ReadonlySet<Step['op']> = new Set<Step['op']>([
  ...([
    'link',
    'recreate',
    'rename',
    'address',
    'default',
    'route in own table',
    'multipath',
    'nexthop',
  ] as const),
  ...([
    'split',
    'policy rule',
    'remove policy rules',
    'delete policy rule',
    'delete route',
    'tunnel',
  ] as const),
  ...(['reload', 'flush', 'kill', 'restart', 'lose events', 'overrun'] as const),
]);

/**
 * Adding or removing an uplink takes five changes, and two for the limits. A step affects few uplinks, a reload all.
 */
function mostChanges({ steps, opening }: History, { crashes }: Host): number {
  const whole = steps.filter(({ op }) => ['reload', 'flush', 'tunnel'].includes(op)).length + crashes + 1;
  return 5 * (OPENINGS[opening].length + steps.length) + 16 * whole;
}

/** Takes one step. A family keeps an endpoint unless another program changed one or the daemon is paused. */
async function runStep(host: Host, fixture: Fixture, step: Step): Promise<string[]> {
  if (step.when !== 'settled') {
    await applyStep(host, fixture, step);
    return [];
  }
  await host.settle();
  const comparable = !host.paused && step.op !== 'flush';
  const before = owned(host);
  const [endpoints, done] = [host.kernel.state.endpoints, host.kernel.done.length];
  const led = host.kernel.state.addresses.filter(({ address, ifindex }) =>
    leadingLinks(host.kernel.state, address).includes(ifindex),
  );
  fixture.interfered = false;
  await applyStep(host, fixture, step);
  await host.settle();
  // While a full tunnel is up, it may be right that a family has no endpoint.
  if (!comparable || fixture.interfered || host.kernel.state.links.has(TUNNEL)) return [];
  const after = new Set(owned(host).map(familyOf));
  const late = step.op === 'address' ? replacedTooEarly(host, endpoints, host.kernel.done.slice(done)) : [];
  return [
    ...late,
    ...(UPLINK_STEPS.has(step.op) ? packetFaults(host, led) : []),
    ...[...new Set(before.filter((each) => isSelected(host, each)).map(familyOf))]
      .filter((family) => !after.has(family))
      .map((family) => `the last ${family} path was removed at ${JSON.stringify(step)}`),
  ];
}

/** Steps that can make an uplink active. */
const UPLINK_STEPS: ReadonlySet<Step['op']> = new Set([
  ...(['link', 'address', 'default', 'multipath', 'nexthop', 'split', 'advertised'] as const),
]);

/**
 * `led`: addresses whose packets multihomed sends through their own link. No other link may take these packets later.
 */
function packetFaults({ kernel: { state } }: Host, led: readonly ModelAddress[]): string[] {
  return led.flatMap((first) => {
    const link = state.links.get(first.ifindex);
    const keeps =
      state.addresses.includes(first) && !(first.flags & UNUSED) && link?.up === true && link.carrier;
    const now = keeps ? leadingLinks(state, first.address) : [];
    const newcomer = state.addresses.find(
      ({ address, ifindex, created }) =>
        address === first.address && now.includes(ifindex) && created! > first.created!,
    );
    if (!newcomer) return [];
    return [
      `${state.links.get(newcomer.ifindex)?.name} took packets from ${first.address} from ${link?.name}`,
    ];
  });
}

const TENTATIVE = 0x40;
/** IFA_F_TENTATIVE or IFA_F_DEPRECATED. */
const UNUSED = 0x60;

/** When an address replaces one that still works, the new endpoint must be added first if there is room for both. */
function replacedTooEarly(
  { kernel }: Host,
  before: readonly ModelEndpoint[],
  done: readonly string[],
): string[] {
  const { state } = kernel;
  const adds = done.filter((each) => each.startsWith('endpoint add'));
  if (before.length + adds.length > SLOTS) return [];
  const works = ({ address, ifindex }: ModelEndpoint): boolean =>
    state.addresses.some(
      (each) => each.address === address && each.ifindex === ifindex && !(each.flags & TENTATIVE),
    );
  return before
    .filter((old) => old.maker === 'daemon' && works(old))
    .filter((old) => {
      const added = state.endpoints.find(
        (each) =>
          each.maker === 'daemon' &&
          each.ifindex === old.ifindex &&
          addressFamily(each.address) === addressFamily(old.address) &&
          !before.some((one) => one.address === each.address),
      );
      const gone = done.indexOf(`endpoint delete ${old.address}`);
      return (
        added &&
        gone >= 0 &&
        gone < done.findIndex((each) => each.startsWith(`endpoint add ${added.address} `))
      );
    })
    .map((old) => `endpoint ${old.address} was deleted before its replacement was added`);
}

const owned = (host: Host): ModelEndpoint[] =>
  host.kernel.state.endpoints.filter((each) => each.maker === 'daemon');

const familyOf = ({ address }: ModelEndpoint): Family => addressFamily(address);

/** Whether the current rules select the endpoint's link and family; true for a link that is gone. */
function isSelected({ configuration, kernel }: Host, endpoint: ModelEndpoint): boolean {
  const link = [...kernel.state.links.values()].find(({ index }) => index === endpoint.ifindex);
  if (!link) return true;
  const rule = configuration.rules.find(({ glob }) => matches(glob, link.name));
  return rule !== undefined && !rule.ignore && rule.families.includes(familyOf(endpoint));
}

/** Zero beside an implicit endpoint: one that replaces it needs no slot, but the kernel refuses it if none is free. */
const refusedForRoom = ({ kernel: { state } }: Host): number =>
  state.endpoints.some((each) => each.flags & IMPLICIT)
    ? 0
    : (state.peculiarities.get('endpoint refused: ERANGE') ?? 0);

/** Returns the changes of a second pass and of a second daemon, which must make none. */
async function furtherChanges(host: Host): Promise<string[]> {
  const before = host.kernel.done.length;
  const full = refusedForRoom(host);
  host.daemon.loop.wake(ALL_PARTS);
  await host.pass(31_000);
  const second = host.kernel.done.slice(before);
  if (refusedForRoom(host) > full) second.push('adds an endpoint although it knows that no slot is free');
  host.kill();
  await host.pass(31_000);
  const third = host.kernel.done.slice(before + second.length);
  return [
    ...second.map((each) => `a second pass: ${each}`),
    ...third.map((each) => `a second daemon: ${each}`),
  ];
}
