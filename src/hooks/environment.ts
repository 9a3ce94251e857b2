/** The environment variables of a hook; see multihomed-hooks(7). */
import type { Family } from '../rules/rule.ts';
import type { HookAction, LinkFacts, UplinkFacts } from './facts.ts';

export type Environment = Readonly<Record<string, string>>;

/** The PATH of hooks. */
export const HOOK_PATH = '/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Returns whether an interface's name can reach a hook unchanged. The kernel accepts every byte but NUL, `/`, `:` and
 * white space (net/core/dev.c, dev_valid_name). A name that is not UTF-8 would change on the way, and control
 * characters must not reach a terminal or a log.
 */
export function isSafeName(name: string): boolean {
  // oxlint-disable-next-line no-control-regex -- the pattern looks for control characters
  return name !== '.' && name !== '..' && /^[^\u0000-\u0020\u007f-\u009f/\ufffd]+$/u.test(name);
}

/**
 * Returns the whole environment of a hook; nothing is inherited. A variable whose value is unknown is absent. Variables
 * have the names of NetworkManager's dispatcher (NetworkManager-dispatcher(8)) where the value means the same.
 * @param families the address families that are active on the interface
 */
export function hookEnvironment(
  action: HookAction,
  facts: UplinkFacts | LinkFacts,
  families: readonly Family[] = [],
): Environment {
  const environment: Record<string, string> = {
    PATH: HOOK_PATH,
    NM_DISPATCHER_ACTION: action,
    DEVICE_IFACE: facts.interface,
    DEVICE_IP_IFACE: facts.interface,
    MULTIHOMED_ACTION: action,
    MULTIHOMED_RULE: facts.rule,
    MULTIHOMED_REASON: facts.reason,
  };
  const ofUplink = 'address' in facts;
  if (ofUplink) Object.assign(environment, uplinkVariables(facts, families));
  for (const [name, value] of Object.entries(environment)) environment[name] = oneLine(value);
  // JSON escapes control characters, so no information is lost here.
  environment['MULTIHOMED_JSON'] = JSON.stringify({ action, ...facts, ...(ofUplink ? { families } : {}) });
  return environment;
}

/** Adds the path of one script to the environment of the run. */
export function forScript(environment: Environment, path: string): Environment {
  const facts = JSON.parse(environment['MULTIHOMED_JSON'] ?? '{}') as object;
  const json = JSON.stringify({ ...facts, hook: path });
  return { ...environment, MULTIHOMED_HOOK: oneLine(path), MULTIHOMED_JSON: json };
}

function uplinkVariables(facts: UplinkFacts, families: readonly Family[]): Record<string, string> {
  const [prefix, unspecified] = facts.family === 'ipv4' ? ['IP4', '0.0.0.0'] : ['IP6', '::'];
  const variables: Record<string, string> = {
    [`${prefix}_NUM_ADDRESSES`]: '1',
    // NetworkManager writes the unspecified address when there is no gateway, so the field is never empty.
    [`${prefix}_ADDRESS_0`]: `${facts.address}/${facts.prefixLength} ${facts.gateway ?? unspecified}`,
    MULTIHOMED_ADDRESS: facts.address,
    MULTIHOMED_FLAGS: facts.flags.join(' '),
    MULTIHOMED_FAMILIES: families.join(' '),
  };
  if (facts.gateway !== null) {
    variables[`${prefix}_GATEWAY`] = facts.gateway;
    variables['MULTIHOMED_GATEWAY'] = facts.gateway;
  }
  if (facts.endpointId !== null) variables['MULTIHOMED_ENDPOINT_ID'] = String(facts.endpointId);
  if (facts.table !== null) variables['MULTIHOMED_TABLE'] = String(facts.table);
  return variables;
}

/** Replaces control characters, because scripts read values line by line and execve(2) ends a value at NUL. */
function oneLine(value: string): string {
  // oxlint-disable-next-line no-control-regex -- the pattern looks for control characters
  return value.replace(/[\u0000-\u001f\u007f-\u009f]+/gu, ' ');
}
