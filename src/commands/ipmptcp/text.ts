/** Formats endpoints and limits as `ip mptcp` and `ip -j mptcp` print them. */
import ipaddr from 'ipaddr.js';
import type { Endpoint } from '../../netlink/mptcp/endpoint.ts';
import type { Limits } from '../../netlink/mptcp/limits.ts';
import { flagBits, flagNames } from '../../netlink/mptcp/flags.ts';
import { printable } from '../../system/printable.ts';

/** Names of interfaces by index. For a device that is gone, ip(8) prints `if` and its index. */
export type Names = ReadonlyMap<number, string>;
const deviceName = (names: Names, ifindex: number): string => names.get(ifindex) ?? `if${ifindex >>> 0}`;

/** Writes the last 32 bits with dots where inet_ntop(3) does. */
export function inetText(address: string): string {
  if (!address.includes(':')) return address;
  const words = (ipaddr.parse(address) as ipaddr.IPv6).parts;
  const leading = words.findIndex((word) => word !== 0);
  const dotted = leading === 6 || (leading === 5 && words[5] === 0xffff);
  if (!dotted) return address;
  const [high, low] = [words[6]!, words[7]!];
  return `::${leading === 5 ? 'ffff:' : ''}${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}

/** Returns the names of the flags, and the bits without a name in hexadecimal. */
function splitFlags(flags: number): { named: string[]; raw: string | null } {
  const known = flagBits(flagNames(flags));
  const rest = (flags & ~known) >>> 0;
  return { named: flagNames(known), raw: rest === 0 ? null : rest.toString(16).padStart(2, '0') };
}

/** The space at the end is intended: ip(8) prints it too. */
export function endpointText(endpoint: Endpoint, names: Names): string {
  const { address, port, id, flags, ifindex } = endpoint;
  const { named, raw } = splitFlags(flags);
  const words = [
    inetText(address),
    ...(port ? [`port ${port}`] : []),
    `id ${id}`,
    ...named,
    ...(raw === null ? [] : [`rawflags ${raw}`]),
    ...(ifindex ? [`dev ${printable(deviceName(names, ifindex))}`] : []),
  ];
  return words.map((word) => `${word} `).join('');
}

export function endpointJson(endpoint: Endpoint, names: Names): object {
  const { address, port, id, flags, ifindex } = endpoint;
  const { named, raw } = splitFlags(flags);
  return {
    address: inetText(address),
    ...(port ? { port } : {}),
    id,
    ...Object.fromEntries(named.map((name) => [name, true])),
    ...(raw === null ? {} : { rawflags: raw }),
    ...(ifindex ? { dev: deviceName(names, ifindex) } : {}),
  };
}

export const limitsText = ({ subflows, addAddrAccepted }: Limits): string =>
  `add_addr_accepted ${addAddrAccepted} subflows ${subflows} `;

export const limitsJson = ({ subflows, addAddrAccepted }: Limits): object => ({
  add_addr_accepted: addAddrAccepted,
  subflows,
});
