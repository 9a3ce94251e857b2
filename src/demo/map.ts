/** A diagram of the private network. */
import { paintOf } from './uplink-table.ts';
import { ETHERNET, MODEM, SERVER, type Access } from './topology.ts';
import type { OutputStyle } from './style.ts';

export function mapLines({ colours, wires }: OutputStyle): string[] {
  const uplink = ({ interface: name, address }: Access): string =>
    `${paintOf(name, colours)(name.padEnd(5))} ${address.padEnd(13)}`;
  const { horizontal: h, fork, join, corner, end } = wires;
  return [
    `  laptop ${fork}${h} ${uplink(ETHERNET)} ${h.repeat(4)} Ethernet ${h.repeat(4)}${join}${h} server ${SERVER.address}`,
    `         ${corner}${h} ${uplink(MODEM)} ${h.repeat(4)} USB modem ${h.repeat(3)}${end}`,
  ];
}
