/** Generic netlink (linux/genetlink.h): looks up families and their multicast groups by name. */
import { Attributes, DecodeError, eachAttribute } from '../attribute.ts';
import { Writer } from '../bytes.ts';
import type { Requester } from '../connection.ts';
import { NetlinkError } from '../error.ts';
import type { Message } from '../message.ts';

/** nlmsg_type of the controller, which knows the families. */
export const GENL_ID_CTRL = 16;
const CTRL_CMD_GETFAMILY = 3;
const CTRL_ATTR_FAMILY_ID = 1;
const CTRL_ATTR_FAMILY_NAME = 2;
const CTRL_ATTR_MCAST_GROUPS = 7;
const CTRL_ATTR_MCAST_GRP_NAME = 1;
const CTRL_ATTR_MCAST_GRP_ID = 2;

/** Size of struct genlmsghdr. */
const GENL_HEADER = 4;

export interface GenericFamily {
  /** nlmsg_type of the family's messages. */
  readonly id: number;
  readonly groups: ReadonlyMap<string, number>;
}

/** Payload of a generic netlink message: struct genlmsghdr and the attributes that `fill` writes. */
export function generic(command: number, version: number, fill?: (writer: Writer) => unknown): Buffer {
  const writer = new Writer().u8(command).u8(version).u16(0);
  fill?.(writer);
  return writer.done();
}

/**
 * Command and attributes of a generic netlink message.
 * @throws DecodeError
 */
export function decodeGeneric(message: Message): { command: number; attributes: Attributes } {
  if (message.payload.length < GENL_HEADER) throw new DecodeError('generic message without genlmsghdr');
  return {
    command: message.payload.readUInt8(0),
    attributes: new Attributes(message.payload.subarray(GENL_HEADER)),
  };
}

/**
 * Looks up a family by its name.
 * @returns null: the kernel has no such family
 * @throws NetlinkError, DecodeError
 */
export async function findFamily(requester: Requester, name: string): Promise<GenericFamily | null> {
  const payload = generic(CTRL_CMD_GETFAMILY, 1, (w) => w.attributeString(CTRL_ATTR_FAMILY_NAME, name));
  try {
    const [message] = await requester.request({
      operation: `generic family ${name}`,
      type: GENL_ID_CTRL,
      payload,
    });
    return message ? decodeFamily(message) : null;
  } catch (error) {
    if (error instanceof NetlinkError && error.code === 'ENOENT') return null;
    throw error;
  }
}

/** @throws DecodeError the message has no family id */
export function decodeFamily(message: Message): GenericFamily {
  const { attributes } = decodeGeneric(message);
  const id = attributes.u16(CTRL_ATTR_FAMILY_ID);
  if (id === undefined) throw new DecodeError('generic family without its id');
  const groups = new Map<string, number>();
  for (const [, entry] of eachAttribute(attributes.bytes(CTRL_ATTR_MCAST_GROUPS) ?? Buffer.alloc(0))) {
    const group = new Attributes(entry);
    const name = group.string(CTRL_ATTR_MCAST_GRP_NAME);
    const number = group.u32(CTRL_ATTR_MCAST_GRP_ID);
    if (name !== undefined && number !== undefined) groups.set(name, number);
  }
  return { id, groups };
}
