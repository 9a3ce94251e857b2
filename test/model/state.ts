/** The state of the model kernel: plain values, with the program that made each. */
import ipaddr from 'ipaddr.js';
import { constants } from 'node:os';
import type { Family } from '../../src/netlink/ip.ts';

/** `daemon` is the program under test, `other` all other programs. */
export type Maker = 'kernel' | 'other' | 'daemon';

export interface ModelLink {
  readonly index: number;
  name: string;
  up: boolean;
  carrier: boolean;
  readonly pointToPoint: boolean;
  /** IFLA_INFO_KIND; absent for veth. */
  readonly kind?: string;
}

export interface ModelAddress {
  readonly ifindex: number;
  readonly family: Family;
  readonly address: string;
  readonly prefixLength: number;
  flags: number;
  /** Later addresses have higher numbers. */
  created?: number;
}

export interface ModelHop {
  readonly ifindex: number;
  readonly gateway: string | null;
  readonly onlink: boolean;
  dead: boolean;
}

export interface ModelRoute {
  readonly family: Family;
  readonly destination: string;
  readonly prefixLength: number;
  readonly table: number;
  readonly protocol: number;
  readonly type: number;
  readonly scope: number;
  readonly metric: number;
  readonly hops: readonly ModelHop[];
  preferredSource: string | null;
  readonly metrics: Buffer | null;
  /** The nexthop object of its only hop. */
  readonly nexthop?: number | undefined;
  /** When a router-advertised route expires, by State.now. */
  readonly expires?: number | undefined;
  readonly maker: Maker;
}

/** A nexthop object. The kernel removes its routes with it, silently. */
export interface ModelNexthop {
  readonly id: number;
  readonly family: Family;
  readonly ifindex: number;
  readonly gateway: string | null;
}

export interface ModelRule {
  readonly family: Family;
  readonly priority: number;
  readonly source: string | null;
  readonly sourceLength: number;
  readonly destination: string | null;
  readonly destinationLength: number;
  readonly table: number;
  readonly action: number;
  readonly goto: number | null;
  readonly suppress: number | null;
  /** Only for packets of this protocol. */
  readonly ipproto?: number | undefined;
  readonly protocol: number;
  readonly maker: Maker;
}

export interface ModelEndpoint {
  readonly id: number;
  readonly address: string;
  readonly ifindex: number;
  flags: number;
  readonly port: number;
  readonly maker: Maker;
}

export class State {
  readonly links = new Map<number, ModelLink>();
  addresses: ModelAddress[] = [];
  routes: ModelRoute[] = [];
  readonly nexthops = new Map<number, ModelNexthop>();
  /** Both families, each in the order of evaluation. */
  policyRules: ModelRule[] = [];
  endpoints: ModelEndpoint[] = [];
  /** Milliseconds. */
  now = 0;
  limits = { subflows: 2, addAddrAccepted: 0 };
  /** Number of addresses that have been added. */
  added = 0;
  /** The search for a free id starts here. */
  nextEndpointId = 1;

  /** How often each peculiarity of the kernel occurred. */
  readonly peculiarities = new Map<string, number>();

  countPeculiarity(what: string, times = 1): void {
    if (times > 0) this.peculiarities.set(what, (this.peculiarities.get(what) ?? 0) + times);
  }

  constructor() {
    const rule = (family: Family, priority: number, table: number): ModelRule => ({
      family,
      priority,
      source: null,
      sourceLength: 0,
      ...{ destination: null, destinationLength: 0, goto: null },
      table,
      action: 1,
      suppress: null,
      protocol: 2,
      maker: 'kernel',
    });
    this.policyRules.push(rule('ipv4', 0, 255), rule('ipv4', 32_766, 254), rule('ipv4', 32_767, 253));
    this.policyRules.push(rule('ipv6', 0, 255), rule('ipv6', 32_766, 254));
  }

  isLocal(address: string): boolean {
    return this.addresses.some((each) => each.address === address);
  }
}

/** The error with which the kernel refuses a request. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly errno: number;
  readonly kernelText: string | undefined;

  constructor(code: keyof typeof constants.errno, kernelText?: string) {
    super(`${code} ${kernelText ?? ''}`);
    this.errno = constants.errno[code];
    this.kernelText = kernelText;
  }
}

const numbers = new Map<string, bigint>();

/** Returns an address as a number. */
export function numberOf(address: string): bigint {
  let number = numbers.get(address);
  if (number === undefined) {
    const bytes = ipaddr.parse(address).toByteArray();
    number = bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
    numbers.set(address, number);
  }
  return number;
}

export const bitsOf = (family: Family): number => (family === 'ipv4' ? 32 : 128);
export const nowhere = (family: Family): string => (family === 'ipv4' ? '0.0.0.0' : '::');

/** Whether both addresses are in one network of this prefix length. */
export function covers(family: Family, network: string, length: number, address: string): boolean {
  if (length === 0) return true;
  const shift = BigInt(bitsOf(family) - length);
  return numberOf(network) >> shift === numberOf(address) >> shift;
}

export function networkOf(family: Family, address: string, length: number): string {
  const shift = BigInt(bitsOf(family) - length);
  const number = (numberOf(address) >> shift) << shift;
  if (family === 'ipv4') return [24n, 16n, 8n, 0n].map((by) => Number((number >> by) & 0xffn)).join('.');
  const bytes = Array.from({ length: 16 }, (_, i) => Number((number >> BigInt(120 - 8 * i)) & 0xffn));
  return ipaddr.fromByteArray(bytes).toString();
}
