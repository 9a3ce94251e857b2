/**
 * Links and addresses of the real kernel, and the removal of objects that histories leave, by netlink: rtnetlink(7),
 * linux/if_link.h, linux/veth.h.
 */
import { Writer } from '../../../src/netlink/bytes.ts';
import type { Requester } from '../../../src/netlink/connection.ts';
import { NetlinkError } from '../../../src/netlink/error.ts';
import { generic } from '../../../src/netlink/generic/family.ts';
import { addressBytes, addressFamily, familyNumber } from '../../../src/netlink/ip.ts';
import { setLimits } from '../../../src/netlink/mptcp/limits.ts';
import { deletePolicyRule, dumpPolicyRules } from '../../../src/netlink/route/policy-rule.ts';
import type { Side } from './kernel-pair.ts';
import { asNewRule } from '../../../src/plan/difference.ts';

const NEW = 0x400 | 0x200;
const PEER = 1000;

const info = (index: number, flags = 0, change = 0): Writer =>
  new Writer().u32(0).s32(index).u32(flags).u32(change);

export const linkAdd = (requester: Requester, index: number, name: string) =>
  requester.request({
    operation: `link add ${name}`,
    type: 16,
    flags: NEW,
    payload: info(index)
      .attributeString(3, name)
      .nest(18, (kind) =>
        kind.attributeString(1, 'veth').nest(2, (data) =>
          data.nest(1, (peer) =>
            peer
              .u32(0)
              .s32(PEER + index)
              .u32(0)
              .u32(0)
              .attributeString(3, `peer${index}`),
          ),
        ),
      )
      .done(),
  });

export const linkDelete = (requester: Requester, index: number) =>
  requester.request({ operation: `link delete ${index}`, type: 17, payload: info(index).done() });

export const linkSet = (requester: Requester, index: number, up: boolean) =>
  requester.request({
    operation: `link set ${index} ${up ? 'up' : 'down'}`,
    type: 16,
    payload: info(index, up ? 1 : 0, 1).done(),
  });

/** Sets the state of the other end of its cable. */
export const plug = (requester: Requester, index: number, carrier: boolean) =>
  linkSet(requester, PEER + index, carrier);

export const linkRename = (requester: Requester, index: number, name: string) =>
  requester.request({
    operation: `link rename ${index}`,
    type: 16,
    payload: info(index).attributeString(3, name).done(),
  });

const IFA_F_NODAD = 2;

export function addressPayload(index: number, address: string, length: number, deprecated: boolean): Buffer {
  const bytes = addressBytes(address);
  const family = addressFamily(address);
  const writer = new Writer()
    .u8(familyNumber(family))
    .u8(length)
    .u8(0)
    .u8(0)
    .u32(index)
    .attributeBytes(2, bytes);
  if (family === 'ipv4') return writer.done();
  return writer
    .attributeBytes(1, bytes)
    .attributeU32(8, IFA_F_NODAD)
    .attribute(6, (cache) =>
      cache
        .u32(deprecated ? 0 : 0xffff_ffff)
        .u32(0xffff_ffff)
        .u32(0)
        .u32(0),
    )
    .done();
}

export const addressAdd = (requester: Requester, payload: Buffer) =>
  requester.request({ operation: 'address add', type: 20, flags: NEW, payload });

export const addressDelete = (requester: Requester, payload: Buffer) =>
  requester.request({ operation: 'address delete', type: 21, payload });

const RTPROT_KERNEL = 2;
const FLUSH = 4;

/** Deleting links removes their addresses and routes. A flush makes ids start at 1 again. */
export async function clear(
  { route, generic: path, mptcp }: Side,
  slots: number,
  first: number,
): Promise<void> {
  const rules = (await Promise.all([dumpPolicyRules(route, 'ipv4'), dumpPolicyRules(route, 'ipv6')])).flat();
  await Promise.all([
    ...Array.from({ length: slots }, (_, slot) => linkDelete(route, PEER + first + slot).catch(isThere)),
    ...rules
      .filter((rule) => rule.protocol !== RTPROT_KERNEL)
      .map((rule) => deletePolicyRule(route, asNewRule(rule), 'rule clear')),
    path.request({
      operation: 'endpoint clear',
      type: mptcp.id,
      payload: generic(FLUSH, 1, () => undefined),
    }),
    setLimits(path, mptcp, { subflows: 2, addAddrAccepted: 0 }, 'limits clear'),
  ]);
}

function isThere(error: unknown): void {
  if (!(error instanceof NetlinkError) || error.code !== 'ENODEV') throw error;
}
