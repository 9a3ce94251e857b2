/** MPTCP endpoints of the in-kernel path manager: generic netlink family mptcp_pm (linux/mptcp_pm.h). */
import { Attributes } from '../attribute.ts';
import { Writer } from '../bytes.ts';
import type { Requester } from '../connection.ts';
import { DecodeError } from '../attribute.ts';
import { NetlinkError } from '../error.ts';
import { decodeGeneric, generic, type GenericFamily } from '../generic/family.ts';
import { addressBytes, addressFamily, familyNumber, familyOf, readAddress } from '../ip.ts';
import type { Message } from '../message.ts';

export const MPTCP_PM = 'mptcp_pm';
export const MPTCP_PM_VERSION = 1;
const MPTCP_PM_CMD_ADD_ADDR = 1;
const MPTCP_PM_CMD_DEL_ADDR = 2;
const MPTCP_PM_CMD_GET_ADDR = 3;
const MPTCP_PM_CMD_FLUSH_ADDRS = 4;
const MPTCP_PM_CMD_SET_FLAGS = 7;
const MPTCP_PM_ATTR_ADDR = 1;

const MPTCP_PM_ADDR_ATTR_FAMILY = 1;
const MPTCP_PM_ADDR_ATTR_ID = 2;
const MPTCP_PM_ADDR_ATTR_ADDR4 = 3;
const MPTCP_PM_ADDR_ATTR_ADDR6 = 4;
const MPTCP_PM_ADDR_ATTR_PORT = 5;
const MPTCP_PM_ADDR_ATTR_FLAGS = 6;
const MPTCP_PM_ADDR_ATTR_IF_IDX = 7;

export const MPTCP_PM_ADDR_FLAG_SIGNAL = 1;
export const MPTCP_PM_ADDR_FLAG_SUBFLOW = 2;
export const MPTCP_PM_ADDR_FLAG_BACKUP = 4;
export const MPTCP_PM_ADDR_FLAG_FULLMESH = 8;
/**
 * The kernel made the endpoint by itself, for a local address from which it connected to an address that a peer
 * announced.
 */
export const MPTCP_PM_ADDR_FLAG_IMPLICIT = 16;
export const MPTCP_PM_ADDR_FLAG_LAMINAR = 32;

export interface Endpoint {
  /** 1 to 255; 0 in a request: the kernel chooses. */
  readonly id: number;
  readonly address: string;
  /** 0: not bound to a device. */
  readonly ifindex: number;
  /** MPTCP_PM_ADDR_FLAG_* */
  readonly flags: number;
  /** In host byte order; 0: none. All kernels so far report 0 in dumps even if a port is set. */
  readonly port: number;
}

function writeEndpoint(writer: Writer, endpoint: Partial<Endpoint>): Writer {
  return writer.nest(MPTCP_PM_ATTR_ADDR, (nest) => {
    if (endpoint.address !== undefined) {
      const family = addressFamily(endpoint.address);
      const type = family === 'ipv4' ? MPTCP_PM_ADDR_ATTR_ADDR4 : MPTCP_PM_ADDR_ATTR_ADDR6;
      nest
        .attribute(MPTCP_PM_ADDR_ATTR_FAMILY, (w) => w.u16(familyNumber(family)))
        .attributeBytes(type, addressBytes(endpoint.address));
    }
    if (endpoint.id) nest.attribute(MPTCP_PM_ADDR_ATTR_ID, (w) => w.u8(endpoint.id!));
    if (endpoint.flags !== undefined) nest.attributeU32(MPTCP_PM_ADDR_ATTR_FLAGS, endpoint.flags);
    if (endpoint.ifindex) nest.attribute(MPTCP_PM_ADDR_ATTR_IF_IDX, (w) => w.s32(endpoint.ifindex!));
    if (endpoint.port) nest.attribute(MPTCP_PM_ADDR_ATTR_PORT, (w) => w.u16(endpoint.port!));
  });
}

/**
 * @returns null: the message has no IPv4 or IPv6 endpoint
 * @throws DecodeError
 */
export function decodeEndpoint(message: Message): Endpoint | null {
  const nest = decodeGeneric(message).attributes.nested(MPTCP_PM_ATTR_ADDR);
  return nest ? decodeAddressAttributes(nest) : null;
}

function decodeAddressAttributes(nest: Attributes): Endpoint | null {
  const family = familyOf(nest.u16(MPTCP_PM_ADDR_ATTR_FAMILY) ?? 0);
  if (!family) return null;
  const bytes = nest.bytes(family === 'ipv4' ? MPTCP_PM_ADDR_ATTR_ADDR4 : MPTCP_PM_ADDR_ATTR_ADDR6);
  if (!bytes) throw new DecodeError('endpoint without its address');
  return {
    id: nest.u8(MPTCP_PM_ADDR_ATTR_ID) ?? 0,
    address: readAddress(family, bytes),
    ifindex: nest.s32(MPTCP_PM_ADDR_ATTR_IF_IDX) ?? 0,
    flags: nest.u32(MPTCP_PM_ADDR_ATTR_FLAGS) ?? 0,
    port: nest.u16(MPTCP_PM_ADDR_ATTR_PORT) ?? 0,
  };
}

/**
 * All endpoints of the namespace, of all programs.
 * @throws NetlinkError, DecodeError
 */
export async function dumpEndpoints(requester: Requester, family: GenericFamily): Promise<Endpoint[]> {
  const messages = await requester.dump({
    operation: 'endpoint show',
    type: family.id,
    payload: generic(MPTCP_PM_CMD_GET_ADDR, MPTCP_PM_VERSION),
  });
  return messages.map(decodeEndpoint).filter((endpoint) => endpoint !== null);
}

/**
 * Reads one endpoint.
 * @returns null: no endpoint has this id
 * @throws NetlinkError, DecodeError
 */
export async function getEndpoint(
  requester: Requester,
  family: GenericFamily,
  id: number,
): Promise<Endpoint | null> {
  try {
    const [message] = await requester.request({
      operation: `endpoint show id ${id}`,
      type: family.id,
      // Only the id is sent, without an address.
      payload: generic(MPTCP_PM_CMD_GET_ADDR, MPTCP_PM_VERSION, (w) => writeEndpoint(w, { id })),
    });
    return message ? decodeEndpoint(message) : null;
  } catch (error) {
    if (error instanceof NetlinkError && error.code === 'EINVAL') return null;
    throw error;
  }
}

/**
 * Adds an endpoint. `operation`: text for errors.
 * @throws NetlinkError
 */
export async function addEndpoint(
  requester: Requester,
  family: GenericFamily,
  endpoint: Endpoint,
  operation: string,
): Promise<void> {
  const payload = generic(MPTCP_PM_CMD_ADD_ADDR, MPTCP_PM_VERSION, (w) => writeEndpoint(w, endpoint));
  await requester.request({ operation, type: family.id, payload });
}

/**
 * Deletes the endpoint with this id; the kernel compares nothing else. An id of 0 is never sent: it would delete no
 * endpoint and close initial subflows.
 * @throws NetlinkError; RangeError for id 0
 */
export async function deleteEndpoint(
  requester: Requester,
  family: GenericFamily,
  endpoint: Endpoint,
  operation: string,
): Promise<void> {
  if (endpoint.id < 1) throw new RangeError('an endpoint is deleted by its id');
  const { id, address } = endpoint;
  const payload = generic(MPTCP_PM_CMD_DEL_ADDR, MPTCP_PM_VERSION, (w) => writeEndpoint(w, { id, address }));
  await requester.request({ operation, type: family.id, payload, waits: true });
}

/**
 * Closes the initial subflow of every connection that started from this address (DEL_ADDR with id 0), and deletes no
 * endpoint. The kernel's answer does not show whether there was a connection.
 * @throws NetlinkError
 */
export async function closeInitialSubflows(
  requester: Requester,
  family: GenericFamily,
  address: string,
  operation: string,
): Promise<void> {
  const payload = generic(MPTCP_PM_CMD_DEL_ADDR, MPTCP_PM_VERSION, (w) => writeEndpoint(w, { address }));
  await requester.request({ operation, type: family.id, payload, waits: true });
}

/**
 * Deletes the endpoints of all programs; the limits stay.
 * @throws NetlinkError
 */
export async function flushEndpoints(requester: Requester, family: GenericFamily): Promise<void> {
  const payload = generic(MPTCP_PM_CMD_FLUSH_ADDRS, MPTCP_PM_VERSION);
  await requester.request({ operation: 'endpoint flush', type: family.id, payload, waits: true });
}

/**
 * Sets or clears backup and fullmesh as in `flags`; the kernel does not change any other flag. If `change` has an
 * address, the kernel looks for the address and port, and ignores the id.
 * @throws NetlinkError
 */
export async function changeEndpoint(
  requester: Requester,
  family: GenericFamily,
  change: Partial<Endpoint> & { readonly flags: number },
  operation: string,
): Promise<void> {
  const payload = generic(MPTCP_PM_CMD_SET_FLAGS, MPTCP_PM_VERSION, (w) => writeEndpoint(w, change));
  await requester.request({ operation, type: family.id, payload, waits: true });
}
