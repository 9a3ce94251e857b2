/** From probe to probe, until the kernel's FIB answers with a default route or it is sure that there is none. */
import type { Requester } from '../netlink/connection.ts';
import type { NetlinkError } from '../netlink/error.ts';
import type { Family } from '../netlink/ip.ts';
import { askFib } from '../netlink/route/fib.ts';
import type { Route } from '../netlink/route/route.ts';
import { PROBES } from './probe.ts';

/** A probe that no route but a default covers, or that is the least likely to be covered by another. */
export interface Bare {
  readonly probe: string;
  /** What the kernel refuses it with; null: a default leads there. */
  readonly code: string | null;
}

export interface Walked {
  /** The default route. */
  readonly route: Route | null;
  /** Probes were answered by routes more specific than a default, or refused, and none by a default. */
  readonly specific: boolean;
  /** The first refusal, when nothing else came. */
  readonly error: NetlinkError | null;
  /** null: none is known. */
  readonly bare: Bare | null;
}

/**
 * One probe as a rule; another where a more specific route has the one before, be it one that refuses (blackhole,
 * unreachable and prohibit for bogons). IPv4 asked with a device says EHOSTUNREACH to such a probe as it does where there
 * is no route at all, so a probe that a walk without the device, `free`, found bare is asked next and ends this one: a
 * link without a default costs one request, or two. Without a device only ENETUNREACH can mean that there is no route.
 */
export async function walk(
  requester: Requester,
  family: Family,
  question: { readonly source?: string; readonly ifindex?: number },
  free?: () => Promise<Walked>,
): Promise<Walked> {
  let left: readonly string[] = PROBES[family];
  let specific = false;
  let first: NetlinkError | null = null;
  let refused: Bare | null = null;
  for (let [probe] = left; probe !== undefined; [probe] = left) {
    left = left.slice(1);
    const answer = await askFib(requester, { family, destination: probe, ...question });
    if ('route' in answer) {
      const { route } = answer;
      if (route.prefixLength === 0)
        return { route, specific: false, error: null, bare: { probe, code: null } };
      specific = true;
      continue;
    }
    const { error } = answer;
    first ??= error;
    const bare = { probe, code: error.code };
    // Of probes that were all refused the last stands for the default: it is no bogon.
    if (refused?.code !== 'ENETUNREACH') refused = bare;
    const known = (await free?.())?.bare;
    if (!known) continue;
    const sure = question.ifindex !== undefined || error.code === 'ENETUNREACH' || error.code === known.code;
    if (known.probe === probe && sure) return { route: null, specific: false, error, bare };
    if (left.includes(known.probe)) left = [known.probe, ...left.filter((each) => each !== known.probe)];
  }
  const bare = specific && refused?.code !== 'ENETUNREACH' ? null : refused;
  return { route: null, specific, error: specific ? null : first, bare };
}
