/** One change to the kernel, as a value and as text. Logs, dry runs, tests and reports print the same text. */
import type { Endpoint } from '../netlink/mptcp/endpoint.ts';
import type { Limits } from '../netlink/mptcp/limits.ts';
import { asPolicyRule, type NewPolicyRule } from '../netlink/route/policy-rule.ts';
import { RTN_BROADCAST, type NewRoute } from '../netlink/route/route.ts';
import { flagNames } from '../netlink/mptcp/flags.ts';
import { policyRuleWords } from '../netlink/route/policy-rule-words.ts';
import { CLEAN, type Dirty } from '../snapshot/dirty.ts';
import type { SnapshotPart } from '../snapshot/snapshot.ts';

export type Action =
  | {
      readonly kind: 'route add' | 'route append' | 'route delete';
      readonly route: NewRoute;
      readonly device: string;
    }
  | { readonly kind: 'policy-rule add' | 'policy-rule delete'; readonly policyRule: NewPolicyRule }
  | {
      readonly kind: 'endpoint add' | 'endpoint change' | 'endpoint delete';
      readonly endpoint: Endpoint;
      readonly device: string;
      /** Gateway that forwards the path's packets; null: none, each destination is a neighbour on the link. */
      readonly gateway?: string | null;
      /** The endpoint replaces an implicit one. The kernel allows that only in a request without an id. */
      readonly implicit?: boolean;
    }
  | {
      /**
       * Adds an endpoint without an address and deletes it at once, while the limit of subflows is low: the kernel opens
       * one subflow for each connection below the limit, and touches no other.
       */
      readonly kind: 'endpoint try';
      readonly endpoint: Endpoint;
      readonly device: string;
      /** The limit meanwhile, and before and after. */
      readonly subflows: { readonly during: number; readonly after: number };
    }
  | { readonly kind: 'limits set'; readonly limits: Partial<Limits>; readonly raised: boolean };

/** All kinds of actions. */
export const ACTION_CODES = [
  ...(['route add', 'route append', 'route delete', 'policy-rule add', 'policy-rule delete'] as const),
  ...(['endpoint add', 'endpoint change', 'endpoint delete', 'endpoint try', 'limits set'] as const),
] satisfies readonly Action['kind'][];

/** The action as one line of text, such as `route add default via 192.0.2.1 dev eth0 table 86840002`. */
export function actionText(action: Action): string {
  return `${action.kind} ${parametersText(action)}`;
}

/** The object of the action as one line of text, such as `route default via 192.0.2.1 dev eth0 table 86840002`. */
export function objectText(action: Action): string {
  return `${action.kind.split(' ')[0]} ${parametersText(action)}`;
}

function parametersText(action: Action): string {
  if ('route' in action) return routeText(action.route, action.device);
  if ('policyRule' in action) return policyRuleText(action.policyRule);
  if ('endpoint' in action) return endpointText(action.endpoint, action.device);
  return limitsText(action.limits).trimStart();
}

/** Whether the action adds a route. */
export const addsRoute = (action: Action): action is Extract<Action, { readonly route: NewRoute }> =>
  action.kind === 'route add' || action.kind === 'route append';

/** Identifies an action across tries: without the endpoint's id, because a second try may use another id. */
export function actionKey(action: Action): string {
  return 'endpoint' in action
    ? `${action.kind} ${endpointParameters(action.endpoint, action.device)}`
    : actionText(action);
}

/** Identifies the object that an action adds, changes or deletes; null: limits, which always exist, or none lasts. */
export function objectKey(action: Action): string | null {
  if ('route' in action) return routeObject(action.route);
  if ('policyRule' in action) return policyRuleObject(action.policyRule);
  if (action.kind === 'endpoint try') return null;
  return 'endpoint' in action ? endpointObject(action.endpoint) : null;
}

/** Identifies a route by its place in the table, without its gateway, which may differ each time. */
export const routeObject = ({ family, table, destination, prefixLength }: NewRoute): string =>
  `route ${family} ${table} ${destination}/${prefixLength}`;

/** Identifies a policy rule by its family and text. */
export const policyRuleObject = (rule: NewPolicyRule): string =>
  `policy rule ${rule.family} ${policyRuleText(rule)}`;

/** Identifies an endpoint by address and interface index. */
export const endpointObject = ({ address, ifindex }: Pick<Endpoint, 'address' | 'ifindex'>): string =>
  `endpoint ${address} ${ifindex}`;

function routeText(route: NewRoute, device: string): string {
  const { hop } = route;
  const destination = route.destination === null ? 'default' : `${route.destination}/${route.prefixLength}`;
  const gateway = hop.gateway ? ` via ${hop.gateway}` : '';
  const family = route.family === 'ipv6' && route.destination === null ? ' -6' : '';
  const type = route.type === RTN_BROADCAST ? 'broadcast ' : '';
  return `${type}${destination}${gateway} dev ${device} table ${route.table}${hop.onlink ? ' onlink' : ''}${family}`;
}

function policyRuleText(rule: NewPolicyRule): string {
  if (rule.goto !== undefined || rule.selectors)
    return `${policyRuleWords(asPolicyRule(rule))} priority ${rule.priority}`;
  const table = { 254: 'main', 255: 'local' }[rule.table] ?? `${rule.table}`;
  const suppress =
    rule.suppressPrefixLength === null ? '' : ` suppress_prefixlength ${rule.suppressPrefixLength}`;
  return `from ${rule.source ?? 'all'} lookup ${table}${suppress} priority ${rule.priority}`;
}

const endpointText = (endpoint: Endpoint, device: string): string =>
  `${endpointParameters(endpoint, device)} id ${endpoint.id}`;

function endpointParameters({ address, port, flags }: Endpoint, device: string): string {
  return `${address}${port ? ` port ${port}` : ''} dev ${device} ${flagNames(flags).join(',')}`;
}

/** The given limits in the words of ip-mptcp(8), with a leading space. */
export function limitsText(limits: Partial<Limits>): string {
  const subflows = limits.subflows === undefined ? '' : ` subflows ${limits.subflows}`;
  const accepted = limits.addAddrAccepted === undefined ? '' : ` add_addr_accepted ${limits.addAddrAccepted}`;
  return `${accepted}${subflows}`;
}

/** All parts of the snapshot that the action changes: the listener ignores the kernel's events about own changes. */
export function staleParts(action: Action): readonly SnapshotPart[] {
  if ('route' in action) return ['routes'];
  if ('policyRule' in action) return ['policyRules'];
  return ['endpoints'];
}

/** Which look-ups the action may change; null: any. */
export function dirtyAfterAction(action: Action): Dirty | null {
  if ('route' in action) {
    const { hop, table } = action.route;
    return { ...CLEAN, links: new Set([hop.ifindex]), tables: new Set([table]) };
  }
  if (!('policyRule' in action)) return CLEAN;
  const { source } = action.policyRule;
  return source === null ? null : { ...CLEAN, sources: new Set([source]) };
}
