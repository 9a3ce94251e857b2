/** Why an uplink has its state, in words: one text for each code of src/plan/reason.ts. */
import type { Family } from '../netlink/ip.ts';
import { RT_TABLE_MAIN } from '../netlink/route/route.ts';
import type { EgressDetails, ExcludedRange, Reason, Stay } from '../plan/reason.ts';
import type { JoinRecord, Uplink, RetryObstacle } from '../plan/uplink.ts';
import type { Misrouted } from '../snapshot/misrouted.ts';
import type { MissingDefault } from '../snapshot/snapshot.ts';
import { counted } from './count.ts';

/** The wording for a pause in every text. */
export const PAUSED =
  'paused since "multihomed flush"; resume with "multihomed reload" while the daemon runs';

/** The program known to remove routes and policy rules of other programs, and the setting that stops it. */
export const LEAVE_ROUTING =
  'if that is systemd-networkd, set ManageForeignRoutingPolicyRules=no and ManageForeignRoutes=no in networkd.conf';

/**
 * Programs known to add MPTCP endpoints and to change those of other programs, and the setting that stops each.
 */
export const LEAVE_ENDPOINTS =
  'if that is NetworkManager, set connection.mptcp-flags=1; if mptcpd, "systemctl disable --now mptcp.service"';

type Reasoned = Pick<Uplink, 'reason' | 'stays' | 'joins' | 'misrouted'>;

/** The reason of an uplink, with the reason for a lingering endpoint, with failed joins and with misrouted packets. */
export function uplinkReason({ reason, stays, joins, misrouted }: Reasoned): string {
  const text = reasonText(reason);
  const evidence = [joins && joinsText(joins), misrouted && misroutedText(misrouted)].filter(Boolean);
  const failing = evidence.length > 0 ? `, but ${evidence.join('; ')}` : '';
  return `${text}${stays ? `; ${stayText(stays)}` : ''}${failing}`;
}

/** The state of an uplink with its reason. Without a default route, the reason says the same as the state. */
export function stateText(uplink: Reasoned & Pick<Uplink, 'state'>): string {
  const reason = uplinkReason(uplink);
  return uplink.state === 'no default route' ? reason : `${uplink.state}: ${reason}`;
}

/** `destination`: as in `Misrouted`. */
export const misroutedText = ({ destination }: Pick<Misrouted, 'destination'>): string =>
  `packets to ${destination} are not sent to the gateway: a firewall of this host may mark them`;

/** @returns null: the last join was established, or there was none */
export function joinsText({ streak, last }: JoinRecord): string | null {
  if (streak === 0 || !last) return null;
  return `${counted(streak, 'join')} failed since the last success: ${last.errno}`;
}

/** Counts of the subflows of an uplink, such as `3 established, 1 failed, 2 lost (ECONNRESET)`. */
export function subflowCounts({ established, failed, last, lost, lastLoss, obstacle }: JoinRecord): string {
  const withErrno = (count: number, what: string, errno: string | undefined): string[] =>
    count === 0 ? [] : [`${count} ${what}${errno === undefined ? '' : ` (${errno})`}`];
  return [
    `${established} established`,
    ...withErrno(failed, 'failed', last?.errno),
    ...withErrno(lost, 'lost', lastLoss?.errno),
    ...(obstacle ? [`not opened again: ${obstacleText(obstacle)}`] : []),
  ].join(', ');
}

const OBSTACLES: Readonly<Record<RetryObstacle, string>> = {
  'no-free-slot': 'the kernel has no free slot for an endpoint',
  'limit-reached': 'the connection has as many subflows as the limit allows',
  'foreign-limit': 'another program has set the limit of subflows',
  'other-source': 'the kernel uses another source address on this interface',
  refused: 'the server refused it twice',
};

/** Why a lost subflow is not opened again. */
export const obstacleText = (obstacle: RetryObstacle): string => OBSTACLES[obstacle];

type ReasonTexts = { readonly [Code in Reason['code']]: (reason: Extract<Reason, { code: Code }>) => string };

const WORDS: ReasonTexts = {
  'address-range': ({ range }) => rangeText(range),
  'address-deprecated': () => 'the address is deprecated',
  'address-temporary': () => 'a temporary address, and the rule says "addresses: stable"',
  'address-not-temporary': () => 'no temporary address, and the rule says "addresses: temporary"',
  'other-source': ({ source }) => `the kernel uses ${source} as source address on this interface`,
  'per-interface': ({ limit }) => `per-interface is ${limit}, and another address comes first`,
  tentative: () => 'duplicate address detection has not ended',
  'duplicate-address': () => 'another host has this address (duplicate address detection failed)',
  'same-address-prefix': ({ prefixLength }) =>
    `the same address with the prefix length ${prefixLength} comes first`,
  'link-down': () => 'the link is down',
  'no-carrier': () => 'the link is up and has no carrier',
  'ignored-by-rule': () => 'the rule says ignore',
  'no-address': ({ families }) => `no ${families.map(familyName).join(' or ')} address yet`,
  'no-usable-address': ({ address, because, more }) =>
    `no usable address yet: ${address} (${reasonText(because)})${more === 0 ? '' : `, and ${more} more`}`,
  'interface-gone': () => 'the interface is gone',
  'address-gone': () => 'the address is gone',
  'not-selected': () => 'no rule selects the address any more',
  'no-default-route': ({ interface: name, missing }) =>
    `no default route through ${name}${missingText(missing)}`,
  'host-rule-refuses': ({ priority, rule, errno }) =>
    `policy rule ${priority} (${rule}) rejects packets from this address (${errno})`,
  'host-rule-elsewhere': ({ priority, rule, family, interfaces }) =>
    `policy rule ${priority} (${rule}) sends packets from this address through ` +
    (interfaces.join(', ') || `an ${family} route without a link`),
  tunnel: ({ interface: name, priority, table, split }) =>
    `${name} takes all traffic: ${tunnelPath({ priority, table, split })}`,
  'tunnel-refuses': ({ priority, rule }) => `policy rule ${priority} (${rule}) rejects all packets`,
  unanswered: ({ unanswered, pause }) =>
    `no answer for ${unanswered} ms while data was waiting${pauseText(pause)}`,
  silent: ({ unanswered, pause }) =>
    `no data arrived for ${unanswered} ms, and a new subflow got no answer${pauseText(pause)}`,
  'probe-failed': ({ targets, probes }) =>
    `no answer from ${targetsText(targets)} for ${counted(probes, 'probe')}`,
  'policy-rule': ({ priority, egress }) => `policy rule ${priority} ${egressText(egress)}`,
  'wrong-egress': ({ egress }) =>
    `the kernel ${egressText(egress)} although routes and policy rules are in place`,
  'table-taken': ({ table, address }) =>
    `table ${table} has the default route of ${address}; give the rule another table`,
  'foreign-endpoint': ({ id, flags }) =>
    `endpoint ${id} (${flags.join(',') || 'no flags'}) was made by another program; ${LEAVE_ENDPOINTS}; ` +
    `"multihomed endpoint delete id ${id}" frees the address`,
  'same-address-first': ({ interface: name }) =>
    `${name} had the same address first; this link is used when ${name} loses it`,
  'same-address-elsewhere': ({ interface: name }) =>
    `${name} has the same address; a policy rule for it could take packets from ${name}`,
  'same-address-twice': () => 'another uplink has the same address',
  'objects-removed': ({ objects }) =>
    `another program keeps removing its ${objects.join(' and ')}; ` +
    (objects.includes('endpoint') ? LEAVE_ENDPOINTS : LEAVE_ROUTING),
  'default-route': ({ gateway }) => defaultRoute(gateway),
  'route-not-checked': ({ interface: name }) =>
    `check-route is off, and no default route leads through ${name}`,
  'routing-next': () => 'routes and policy rules come next',
  'routing-and-endpoint-next': ({ gateway }) =>
    `${defaultRoute(gateway)}; routes, policy rules and endpoint come next`,
  'endpoint-next': ({ gateway }) => `${defaultRoute(gateway)}; the endpoint comes next`,
  'old-rules-first': ({ gateway }) =>
    `${defaultRoute(gateway)}; policy rules that are not needed any more are removed first`,
  'routing-restored': () => 'routes and policy rules are being restored',
  paused: () => PAUSED,
  refused: ({ message }) => message,
  'change-refused': ({ message, final }) =>
    `its endpoint could not be changed and is tried again at the next ${final ? 'reload' : 'pass'}: ${message}`,
  'no-free-slot': ({ endpoints, foreign }) =>
    `the kernel's maximum of ${endpoints} endpoints is reached (${foreign} of other programs); this uplink gets the next free slot`,
  'mptcp-disabled': () => 'Multipath TCP is disabled (net.mptcp.enabled=0)',
  'userspace-path-manager': ({ sysctl, value }) =>
    `the userspace path manager is in use (net.mptcp.${sysctl}=${value}): endpoints have no effect`,
};

/** How many targets are named. */
const NAMED_TARGETS = 2;

const targetsText = (targets: readonly string[]): string => {
  const named = targets.slice(0, NAMED_TARGETS).join(', ');
  const more = targets.length - NAMED_TARGETS;
  return more > 0 ? `${named} and ${more} more` : named;
};

/** All codes of reasons, for the documentation of the JSON output. */
export const REASON_CODES = Object.keys(WORDS) as Reason['code'][];

/** The reason as one clause; never empty. */
export const reasonText = (reason: Reason): string =>
  (WORDS[reason.code] as (each: Reason) => string)(reason);

/** All codes of `Stay`. */
export const STAY_CODES = [
  'until-active',
  'until-other-subflow',
  'until-unused',
  'until-closed',
] as const satisfies readonly Stay['code'][];

/** Until when the endpoint of a lingering uplink stays, as one clause. */
function stayText(stays: Stay): string {
  switch (stays.code) {
    case 'until-active':
      return `its endpoint stays until another ${familyName(stays.family)} uplink is active`;
    case 'until-other-subflow':
      return 'its endpoint stays, because open connections have no other subflow';
    case 'until-unused':
      return `its endpoint stays until no open connection uses it${nowText(stays.connections)}, and no connection gets a new subflow meanwhile`;
    case 'until-closed': {
      const { connections, id } = stays;
      return `its endpoint stays, because its removal would cut ${counted(connections, 'open connection')}; to remove it now: multihomed endpoint delete id ${id}`;
    }
  }
}

const nowText = (connections: number | null): string =>
  connections === null ? '' : ` (now: ${counted(connections, 'connection')})`;

const familyName = (family: Family): string => (family === 'ipv4' ? 'IPv4' : 'IPv6');

const defaultRoute = (gateway: string | null): string =>
  `default route${gateway === null ? '' : ` through ${gateway}`}`;

/** Empty for the kernel's usual answer for a link without a default route. */
const pauseText = (pause: number): string =>
  pause > 0 ? `; it failed often, so it is tried again after ${pause / 1000} s` : '';

function missingText(missing: MissingDefault | null): string {
  if (!missing) return ': not looked up';
  if (missing.code === 'other-interface') return ': the default route leads through another interface';
  if (missing.code === 'specific-only') return ': only routes more specific than a default (a split default)';
  const { errno } = missing;
  return errno === 'EHOSTUNREACH' || errno === 'ENETUNREACH'
    ? ''
    : `: the kernel answers ${errno ?? 'nothing'}`;
}

function rangeText(range: ExcludedRange): string {
  switch (range) {
    case 'ipv4-mapped':
      return "IPv4-mapped addresses are not used: the kernel's path manager treats them as IPv4";
    case 'unique-local':
      return 'unique-local addresses are used only with "addresses: all"';
    default:
      return `${range} addresses are not used`;
  }
}

type TunnelPath = Pick<Extract<Reason, { code: 'tunnel' }>, 'priority' | 'table' | 'split'>;

function tunnelPath({ priority, table, split }: TunnelPath): string {
  if (priority !== null) return `policy rule ${priority}`;
  if (table !== RT_TABLE_MAIN) return `table ${table}`;
  return split ? 'routes in main that are more specific than a default' : 'default route in main';
}

function egressText(egress: EgressDetails): string {
  if (egress.kind === 'leaves')
    return `sends packets from this address through ${egress.interfaces.join(', ')} (table ${egress.table})`;
  return egress.kind === 'none'
    ? `rejects packets from this address (${egress.errno})`
    : 'has a more specific route';
}
