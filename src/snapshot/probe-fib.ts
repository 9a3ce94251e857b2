/** Looks up one probe after another until the kernel returns a default route, or certainly has none. */
import type { Requester } from '../netlink/connection.ts';
import type { NetlinkError } from '../netlink/error.ts';
import type { Family } from '../netlink/ip.ts';
import { askFib } from '../netlink/route/fib.ts';
import type { Route } from '../netlink/route/route.ts';
import { PROBES } from './probe.ts';

/** A probe that only a default route covers, or the one least likely to be covered by another route. */
export interface BareProbe {
  readonly probe: string;
  /** The errno with which the kernel refuses it; null: a default route leads there. */
  readonly code: string | null;
}

export interface FibProbe {
  /** The default route; null: none was found. */
  readonly route: Route | null;
  /** At least one probe was answered by a route more specific than a default, and none by a default. */
  readonly specific: boolean;
  /** The first refusal, if no probe was answered. */
  readonly error: NetlinkError | null;
  /** null: no such probe is known. */
  readonly bareProbe: BareProbe | null;
}

/**
 * Finds the default route for packets from `source`, through `ifindex`, or for any. Usually one probe is enough.
 * Another is needed where a more specific route covers the first, perhaps one that refuses it (blackhole, unreachable
 * or prohibit for bogons). An IPv4 look-up with a device answers EHOSTUNREACH to such a probe, just as if there were no
 * route at all. So the bare probe that the look-ups without a device found comes next, and is the last: a link without
 * a default route costs one or two requests. Without a device only ENETUNREACH can mean that there is no route.
 * @param plain returns the result of the look-ups without a device
 * @throws NetlinkError, DecodeError
 */
export async function probeFib(
  requester: Requester,
  family: Family,
  selector: { readonly source?: string; readonly ifindex?: number },
  plain?: () => Promise<FibProbe>,
): Promise<FibProbe> {
  let left: readonly string[] = PROBES[family];
  let specific = false;
  let first: NetlinkError | null = null;
  let refused: BareProbe | null = null;
  for (let [probe] = left; probe !== undefined; [probe] = left) {
    left = left.slice(1);
    const lookup = await askFib(requester, { family, destination: probe, ...selector });
    if ('route' in lookup) {
      const { route } = lookup;
      if (route.prefixLength === 0)
        return { route, specific: false, error: null, bareProbe: { probe, code: null } };
      specific = true;
      continue;
    }
    const { error } = lookup;
    first ??= error;
    const bare = { probe, code: error.code };
    // If all probes are refused, the last one decides: it is no bogon.
    if (refused?.code !== 'ENETUNREACH') refused = bare;
    const known = (await plain?.())?.bareProbe;
    if (!known) continue;
    const isCertain =
      selector.ifindex !== undefined || error.code === 'ENETUNREACH' || error.code === known.code;
    if (known.probe === probe && isCertain) return { route: null, specific: false, error, bareProbe: bare };
    if (left.includes(known.probe)) left = [known.probe, ...left.filter((each) => each !== known.probe)];
  }
  const bare = specific && refused?.code !== 'ENETUNREACH' ? null : refused;
  return { route: null, specific, error: specific ? null : first, bareProbe: bare };
}
