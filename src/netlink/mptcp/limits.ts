/** Limits of the path manager: ip-mptcp(8), MPTCP_PM_CMD_GET_LIMITS and MPTCP_PM_CMD_SET_LIMITS. */
import { generic, decodeGeneric, type GenericFamily } from '../generic/family.ts';
import type { Requester } from '../connection.ts';
import { DecodeError } from '../attribute.ts';
import type { Message } from '../message.ts';
import { MPTCP_PM_VERSION } from './endpoint.ts';

const MPTCP_PM_CMD_SET_LIMITS = 5;
const MPTCP_PM_CMD_GET_LIMITS = 6;
const MPTCP_PM_ATTR_RCV_ADD_ADDRS = 2;
const MPTCP_PM_ATTR_SUBFLOWS = 3;

export interface Limits {
  /** How many additional subflows a connection may have. */
  readonly subflows: number;
  /** How many addresses announced by the peer a connection accepts. */
  readonly addAddrAccepted: number;
}

/** @throws DecodeError a limit is missing */
export function decodeLimits(message: Message): Limits {
  const { attributes } = decodeGeneric(message);
  const subflows = attributes.u32(MPTCP_PM_ATTR_SUBFLOWS);
  const addAddrAccepted = attributes.u32(MPTCP_PM_ATTR_RCV_ADD_ADDRS);
  if (subflows === undefined || addAddrAccepted === undefined)
    throw new DecodeError('limits without their values');
  return { subflows, addAddrAccepted };
}

/** @throws NetlinkError, DecodeError */
export async function getLimits(requester: Requester, family: GenericFamily): Promise<Limits> {
  const [message] = await requester.request({
    operation: 'limits show',
    type: family.id,
    payload: generic(MPTCP_PM_CMD_GET_LIMITS, MPTCP_PM_VERSION),
  });
  if (!message) throw new DecodeError('limits were not answered');
  return decodeLimits(message);
}

/**
 * An omitted limit keeps its value.
 * @throws NetlinkError EPERM without CAP_NET_ADMIN; EINVAL above the kernel's maximum
 */
export async function setLimits(
  requester: Requester,
  family: GenericFamily,
  limits: Partial<Limits>,
  operation: string,
): Promise<void> {
  const payload = generic(MPTCP_PM_CMD_SET_LIMITS, MPTCP_PM_VERSION, (w) => {
    if (limits.subflows !== undefined) w.attributeU32(MPTCP_PM_ATTR_SUBFLOWS, limits.subflows);
    if (limits.addAddrAccepted !== undefined)
      w.attributeU32(MPTCP_PM_ATTR_RCV_ADD_ADDRS, limits.addAddrAccepted);
  });
  await requester.request({ operation, type: family.id, payload });
}
