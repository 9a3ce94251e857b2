/** `multihomed limits ...`: the same as `ip mptcp limits`, ip-mptcp(8). */
import { getLimits, setLimits, type Limits } from '../netlink/mptcp/limits.ts';
import { EXIT } from './exit.ts';
import { limitsArguments, noArguments } from './ipmptcp/arguments.ts';
import { explainRefusal } from './ipmptcp/refusal.ts';
import { limitsJson, limitsText } from './ipmptcp/text.ts';
import { warn } from './ipmptcp/warning.ts';
import { hasDaemon, openNamespace, type Namespace } from './namespace.ts';
import { print, printExact } from './print.ts';
import { requireNetAdmin } from './privilege.ts';

export const LIMITS_VERBS = ['set', 'show'] as const;
export type LimitsVerb = (typeof LIMITS_VERBS)[number];

interface Flags {
  readonly json?: boolean;
}

/** @param words the arguments after the verb */
export async function limitsCommand(
  verb: LimitsVerb,
  words: readonly string[],
  flags: Flags = {},
): Promise<number> {
  if (verb === 'set') requireNetAdmin();
  const limits = verb === 'set' ? limitsArguments(words) : null;
  if (limits === null) noArguments('limits show', words);
  const namespace = await openNamespace();
  try {
    if (limits === null) await show(namespace, flags);
    else await set(namespace, limits);
    return EXIT.done;
  } finally {
    namespace.kernel.close();
  }
}

async function show({ kernel }: Namespace, { json }: Flags): Promise<void> {
  const limits = await getLimits(kernel.generic, kernel.mptcp).catch(explainRefusal);
  if (json) printExact(JSON.stringify([limitsJson(limits)]));
  else print(limitsText(limits));
}

async function set(namespace: Namespace, limits: Partial<Limits>): Promise<void> {
  const { generic, mptcp } = namespace.kernel;
  const words = [
    ...(limits.addAddrAccepted === undefined ? [] : [`add_addr_accepted ${limits.addAddrAccepted}`]),
    ...(limits.subflows === undefined ? [] : [`subflows ${limits.subflows}`]),
  ].join(' ');
  await warnTaken(namespace, limits);
  await setLimits(generic, mptcp, limits, `limits set ${words}`).catch(explainRefusal);
}

/** Warns that the daemon raises a lowered limit again only after its last endpoint was removed. */
async function warnTaken(namespace: Namespace, limits: Partial<Limits>): Promise<void> {
  const { raised } = namespace.journal.read().state;
  const taken = (['subflows', 'addAddrAccepted'] as const).filter((limit) => {
    const [to, wanted] = [raised[limit]?.to, limits[limit]];
    return to !== undefined && wanted !== undefined && wanted < to;
  });
  if (taken.length === 0 || !(await hasDaemon(namespace).catch(() => true))) return;
  const names = taken.map((limit) => (limit === 'subflows' ? 'subflows' : 'add_addr_accepted'));
  warn(
    `the daemon had raised ${names.join(' and ')}; it does not raise it again until its last endpoint is removed. ` +
      'To set limits permanently, write them in /etc/multihomed/config.yaml.',
  );
}
