/**
 * Logs that another program removes or changes objects of multihomed, and which program that probably is. The first
 * removal is a warning, and so is the first after a minute without any.
 */
import { actionText, type Action } from '../actions/action.ts';
import type { Endpoint } from '../netlink/mptcp/endpoint.ts';
import { CHANGEABLE, flagNames } from '../netlink/mptcp/flags.ts';
import type { NewPolicyRule, PolicyRule } from '../netlink/route/policy-rule.ts';
import { RT_TABLE_MAIN } from '../netlink/route/route.ts';
import { PRIORITY } from '../plan/routing.ts';
import type { Log } from '../system/log.ts';
import type { Outcome } from '../actions/outcome.ts';
import { LEAVE_ENDPOINTS, LEAVE_ROUTING } from '../messages/reason.ts';
import { RTPROT_MULTIHOMED } from '../netlink/route/protocol.ts';

/** Without a removal for this long, the next one is a warning again. */
const QUIET_MS = 60_000;

export class RemovalLog {
  readonly #log: Log;
  /** When objects were last restored. */
  #last = -Infinity;
  /** When flags were last set back, by the endpoint's address. */
  readonly #changed = new Map<string, number>();

  constructor(log: Log) {
    this.#log = log;
  }

  /**
   * @param restored actions that add the objects again
   * @param wait milliseconds until the other removed objects are added again; null: there are none
   * @param policyRules the kernel's rules before the actions
   * @param now milliseconds by the clock
   */
  logRestored(
    restored: readonly Action[],
    wait: number | null,
    policyRules: readonly PolicyRule[],
    now: number,
  ): void {
    const often = now < this.#last + QUIET_MS;
    if (restored.length > 0) this.#last = now;
    for (const action of restored) {
      const text = `${actionText(action)}: restored after another program removed it; ${likelyProgram(action, restored, policyRules)}`;
      if (often) this.#log.debug(text);
      else this.#log.warn(text);
    }
    if (wait !== null)
      this.#log.debug(
        `objects that other programs keep removing are added again in ${Math.ceil(wait / 1000)} s`,
      );
  }

  /**
   * Logs that another program changed the flags of an endpoint.
   * @param owned endpoints with the flags that multihomed set
   * @param found endpoints with the flags that the kernel had
   */
  logChangedFlags(
    { action, error, foreign }: Outcome,
    owned: ReadonlyMap<number, Endpoint>,
    found: readonly Endpoint[],
    now: number,
  ): void {
    if (action.kind !== 'endpoint change' || error || foreign) return;
    const { id, address, flags } = action.endpoint;
    const made = owned.get(id)?.flags;
    const had = found.find((endpoint) => endpoint.id === id)?.flags;
    if (made === undefined || had === undefined || !((made ^ had) & CHANGEABLE)) return;
    const last = this.#changed.get(address) ?? -Infinity;
    this.#changed.set(address, now);
    this.#log[now < last + QUIET_MS ? 'debug' : 'warn'](
      `${action.device} ${address}: another program changed the flags of endpoint ${id} from ${words(made)} to ` +
        `${words(had)}; set to ${words(flags)}, as the rule says`,
    );
  }
}

const words = (flags: number): string => flagNames(flags).join(',');

/**
 * The program that probably removed the object, judged by what is missing and what is in place, and the setting against
 * it.
 */
function likelyProgram(
  action: Action,
  restored: readonly Action[],
  policyRules: readonly PolicyRule[],
): string {
  if ('endpoint' in action) return LEAVE_ENDPOINTS;
  if (!('policyRule' in action)) return LEAVE_ROUTING;
  const { family } = action.policyRule;
  const isLastInPlace = policyRules.some(
    (rule) => rule.family === family && rule.protocol === RTPROT_MULTIHOMED && rule.priority === PRIORITY,
  );
  const byForm = restored.every((each) => !('policyRule' in each) || hasForm(each.policyRule));
  return isLastInPlace && byForm
    ? 'probably wg-quick, or another script that runs "ip rule delete table main suppress_prefixlength 0"'
    : LEAVE_ROUTING;
}

const hasForm = ({ table, suppressPrefixLength }: NewPolicyRule): boolean =>
  table === RT_TABLE_MAIN && suppressPrefixLength === 0;
