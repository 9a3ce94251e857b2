/**
 * Suggests a default route for an uplink that lacks one: the last known gateway, or the usual one, marked as a guess.
 */
import ipaddr from 'ipaddr.js';
import { addressBytes, hostBits, networkOf } from '../../netlink/ip.ts';
import type { Uplink } from '../../plan/uplink.ts';
import { spareMetric } from '../../plan/spare-metric.ts';
import type { Remedy } from '../../system/shell-quote.ts';
import type { Facts, HostView } from '../facts.ts';
import type { Fix } from '../finding.ts';
import { setSysctl } from '../remedies.ts';
import { RTPROT_MULTIHOMED } from '../../netlink/route/protocol.ts';

export function guessGateway(uplink: Uplink, view: HostView, sysctls: Facts['sysctls']): Fix {
  const { family, address, prefixLength, ifindex, interface: name } = uplink;
  const link = view.snapshot.links.get(ifindex);
  if (!family || !address || prefixLength === null || !link) return { remedy: null, remark: '' };
  if (family === 'ipv6') return routerAdvertisement(name, sysctls);
  const add = (...via: string[]): Remedy => [
    {
      argv: [
        ...['ip', 'route', 'add', 'default', ...via],
        ...['dev', name, 'metric', `${spareMetric(view.snapshot)}`],
      ],
    },
  ];
  const had = view.snapshot.ownRoutes.find(
    (route) => route.family === family && route.prefixLength === 0 && route.hops[0]?.ifindex === ifindex,
  );
  if (had?.protocol === RTPROT_MULTIHOMED) {
    const { gateway, onlink } = had.hops[0]!;
    const via = gateway ? ['via', gateway, ...(onlink ? ['onlink'] : [])] : [];
    return { remedy: add(...via), remark: gateway ? ` (the last one was via ${gateway})` : '' };
  }
  if (link.pointToPoint) return { remedy: add(), remark: '' };
  const guess = usual(address, prefixLength);
  if (!guess) return { remedy: null, remark: '' };
  return {
    remedy: add('via', guess),
    remark: `; the gateway ${guess} is a guess (the first other address of the subnet), the provider knows the right one`,
  };
}

/** Returns the first host of an IPv4 subnet, or the second when this host is the first. */
function usual(address: string, prefixLength: number): string | null {
  if (prefixLength > hostBits('ipv4') - 2) return null;
  const network = addressBytes(networkOf(address, prefixLength)).readUInt32BE();
  const own = addressBytes(address).readUInt32BE();
  const number = network + (own === network + 1 ? 2 : 1);
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(number);
  return ipaddr.fromByteArray([...bytes]).toString();
}

/** A host that forwards ignores routers' default routes unless accept_ra is 2 (ip-sysctl). */
function routerAdvertisement(name: string, sysctls: Facts['sysctls']): Fix {
  const of = (key: string): string | undefined => sysctls.get(`ipv6.conf.${name}.${key}`);
  if (of('forwarding') === '1' && of('accept_ra') === '1')
    return {
      ...setSysctl(['net', 'ipv6', 'conf', name, 'accept_ra'], 2),
      remark: '; router advertisements are ignored, because this host forwards IPv6 and accept_ra is 1',
    };
  return { remedy: null, remark: '' };
}
