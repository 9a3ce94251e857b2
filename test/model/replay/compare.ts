/** The state and the replies of each kernel as lines that can be compared. */
import { NetlinkError } from '../../../src/netlink/error.ts';
import type { Family } from '../../../src/netlink/ip.ts';
import { dumpEndpoints } from '../../../src/netlink/mptcp/endpoint.ts';
import { getLimits } from '../../../src/netlink/mptcp/limits.ts';
import { dumpAddresses } from '../../../src/netlink/route/address.ts';
import { askFib, type FibQuery } from '../../../src/netlink/route/fib.ts';
import { dumpLinks } from '../../../src/netlink/route/link.ts';
import { decodeNexthop } from '../../../src/netlink/route/nexthop.ts';
import { dumpPolicyRules } from '../../../src/netlink/route/policy-rule.ts';
import { dumpRoutes, type Route } from '../../../src/netlink/route/route.ts';
import type { Side } from './kernel-pair.ts';
import { indexOf } from './words.ts';
import { SLOTS } from './operations.ts';

const RTM_GETNEXTHOP = 106;
const FAMILIES: readonly Family[] = ['ipv4', 'ipv6'];
const isReplayed = (ifindex: number): boolean => ifindex >= indexOf(0) && ifindex < indexOf(SLOTS);
const IFF = 0x1 | 0x10000;
/** Flags of addresses, without IFA_F_NODAD and those for the manager of the address. */
const IFA = 0x01 | 0x08 | 0x20 | 0x40 | 0x80;

/** Sorted, because IPv6 puts the hop that this flow would take first. */
const hopsOf = ({ hops }: Route): string =>
  hops
    .map(({ ifindex, gateway, onlink }) => `${gateway ?? '-'} dev ${ifindex}${onlink ? ' onlink' : ''}`)
    .sort()
    .join(' + ');

const routeLine = (route: Route): string =>
  `route ${route.destination ?? 'default'}/${route.prefixLength} via ${hopsOf(route)} table ${route.table} ` +
  `metric ${route.metric} proto ${route.protocol} type ${route.type} src ${route.preferredSource} nexthop ${route.nexthop}`;

/** Returns policy rules in their order, and everything else sorted. */
export async function stateLines({ route, generic, mptcp }: Side): Promise<string[]> {
  const [links, addresses, limits, endpoints, routes, rules, nexthops] = await Promise.all([
    dumpLinks(route),
    dumpAddresses(route),
    getLimits(generic, mptcp),
    dumpEndpoints(generic, mptcp),
    Promise.all(FAMILIES.map((family) => dumpRoutes(route, { family }))),
    Promise.all(FAMILIES.map((family) => dumpPolicyRules(route, family))),
    route.dump({ operation: 'nexthops', type: RTM_GETNEXTHOP, payload: Buffer.alloc(8) }),
  ]);
  const lines = [
    ...links
      .filter(({ index }) => isReplayed(index))
      .map(({ index, name, flags }) => `link ${index} ${name} ${flags & IFF}`),
    ...addresses
      .filter(({ ifindex }) => isReplayed(ifindex))
      .map(
        ({ ifindex, address, prefixLength, flags }) =>
          `address ${address}/${prefixLength} dev ${ifindex} ${flags & IFA}`,
      ),
    ...routes
      .flat()
      .filter(({ table }) => table !== 255)
      .map(routeLine),
    ...nexthops
      .map(decodeNexthop)
      .map(({ id, ifindex, gateway }) => `nexthop ${id} via ${gateway} dev ${ifindex}`),
    ...endpoints.map(
      ({ id, address, ifindex, flags }) => `endpoint ${id} ${address} dev ${ifindex} flags ${flags}`,
    ),
    `limits ${limits.subflows} ${limits.addAddrAccepted}`,
  ];
  const ordered = rules
    .flat()
    .map(
      (rule, at) =>
        `rule ${at} ${rule.family} ${rule.priority} from ${rule.source}/${rule.sourceLength} table ${rule.table} suppress ${rule.suppressPrefixLength} proto ${rule.protocol}`,
    );
  return [...lines.sort((a, b) => a.localeCompare(b)), ...ordered];
}

export async function answer({ route }: Side, query: FibQuery): Promise<string> {
  try {
    const found = await askFib(route, query);
    if ('error' in found) return found.error.code;
    return `${found.route.destination ?? 'default'}/${found.route.prefixLength} via ${hopsOf(found.route)} table ${found.route.table}`;
  } catch (error) {
    if (error instanceof NetlinkError) return error.code;
    throw error;
  }
}

/** Returns the lines that only one of them has. */
export function differences(model: readonly string[], kernel: readonly string[]): string[] {
  return [
    ...model.filter((line) => !kernel.includes(line)).map((line) => `only the model: ${line}`),
    ...kernel.filter((line) => !model.includes(line)).map((line) => `only the kernel: ${line}`),
  ];
}
