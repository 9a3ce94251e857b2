/** An action as JSON output has it: its kind as the code, and its object with names instead of kernel numbers. */
import type { Action } from '../actions/action.ts';
import { flagNames } from '../netlink/mptcp/flags.ts';

export type ActionDocument = { readonly code: Action['kind'] } & Readonly<Record<string, unknown>>;

export function actionDocument(action: Action): ActionDocument {
  const code = action.kind;
  if ('route' in action) {
    const { family, destination, prefixLength, table, hop } = action.route;
    const network = destination === null ? 'default' : `${destination}/${prefixLength}`;
    return { code, family, destination: network, gateway: hop.gateway, interface: action.device, table };
  }
  if ('policyRule' in action) {
    const { family, source, priority, table } = action.policyRule;
    return { code, family, source, priority, table };
  }
  if ('endpoint' in action) {
    const { id, address, flags, port } = action.endpoint;
    return { code, id, address, interface: action.device, flags: flagNames(flags), port: port || null };
  }
  return { code, ...action.limits };
}
