/**
 * Nexthop objects: struct nhmsg (linux/nexthop.h). Only their creation and removal matter
 * here, since routes contain their hops.
 */
import { Attributes, DecodeError } from '../attribute.ts';
import type { Requester } from '../connection.ts';
import { NetlinkError } from '../error.ts';
import { familyOf, readAddress } from '../ip.ts';
import type { Message } from '../message.ts';

export const RTM_NEWNEXTHOP = 104;
export const RTM_DELNEXTHOP = 105;

const RTM_GETNEXTHOP = 106;

const NHA_ID = 1;
const NHA_GROUP = 2;
const NHA_OIF = 5;
const NHA_GATEWAY = 6;

export interface Nexthop {
  readonly id: number;
  readonly ifindex: number | null;
  readonly gateway: string | null;
  /** It refers to other nexthop objects. */
  readonly group: boolean;
}

/**
 * Whether the host has nexthop objects, which usually only routing daemons make.
 * Kernels before 5.3 do not support them.
 * @throws NetlinkError
 */
export async function hasNexthops(requester: Requester): Promise<boolean> {
  try {
    const payload = Buffer.alloc(8);
    return (await requester.dump({ operation: 'nexthop show', type: RTM_GETNEXTHOP, payload })).length > 0;
  } catch (error) {
    if (error instanceof NetlinkError && error.code === 'EOPNOTSUPP') return false;
    throw error;
  }
}

/** @throws DecodeError the message has no id */
export function decodeNexthop(message: Message): Nexthop {
  const { payload } = message;
  if (payload.length < 8) throw new DecodeError('nexthop message without nhmsg');
  const family = familyOf(payload.readUInt8(0));
  const attributes = new Attributes(payload.subarray(8));
  const id = attributes.u32(NHA_ID);
  if (id === undefined) throw new DecodeError('nexthop message without its id');
  const gateway = attributes.bytes(NHA_GATEWAY);
  return {
    id,
    ifindex: attributes.u32(NHA_OIF) ?? null,
    gateway: gateway && family ? readAddress(family, gateway) : null,
    group: attributes.has(NHA_GROUP),
  };
}
