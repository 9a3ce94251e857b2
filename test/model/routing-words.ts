/** Expected and present routes and policy rules as text, so that they can be compared. */
import { rulesOf } from './expected-rules.ts';
import { routesOf, type Wanted } from './expected.ts';
import { guardOf } from './tunnel.ts';
import type { ModelRoute, ModelRule, State } from './state.ts';

/** Returns the routes and policy rules that an uplink needs. */
export const neededRouting = (wanted: Wanted, state: State): string[] => [
  ...[...routesOf(wanted), ...guardOf(wanted, state).routes].map(routeLine),
  ...[...rulesOf(wanted, state), ...guardOf(wanted, state).rules].map((each) =>
    ruleLine({ suppress: null, goto: null, ...each }),
  ),
];

const routeLine = ({ family, prefixLength, destination, hops, table }: ModelRoute): string =>
  prefixLength === 0
    ? `${family} default via ${hops.map((hop) => `${hop.gateway} dev ${hop.ifindex}`).join(' + ')} table ${table}`
    : `${destination}/${prefixLength} dev ${hops.map((hop) => hop.ifindex).join(' + ')} table ${table}`;

const ruleLine = (
  rule: Partial<Pick<ModelRule, 'priority' | 'source' | 'table' | 'suppress' | 'goto'>>,
): string => `rule ${rule.priority} ${rule.source} ${rule.table} ${rule.suppress} ${rule.goto}`;

/** Returns multihomed's routes and policy rules in the same format. */
export const ownRouting = ({ routes, policyRules }: State): string[] => [
  ...routes.filter((each) => each.maker === 'daemon').map(routeLine),
  ...policyRules.filter((each) => each.maker === 'daemon').map(ruleLine),
];
