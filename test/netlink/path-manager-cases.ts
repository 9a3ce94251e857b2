/** Cases for generic netlink: the family, its limits and endpoints. */
import { findFamily } from '../../src/netlink/generic/family.ts';
import * as endpoints from '../../src/netlink/mptcp/endpoint.ts';
import { getLimits, setLimits } from '../../src/netlink/mptcp/limits.ts';
import { refusal, refused, type DecoderCase } from './case.ts';

const endpoint = { id: 3, address: '192.0.2.10', ifindex: 10, flags: 2, port: 0 };

export const PATH_MANAGER_CASES: readonly DecoderCase[] = [
  {
    name: 'family',
    ask: async ({ generic }) => (await findFamily(generic, 'mptcp_pm'))?.groups.has('mptcp_pm_events'),
    expected: true,
  },
  { name: 'family that is not there', ask: ({ generic }) => findFamily(generic, 'no_such'), expected: null },
  {
    name: 'limits',
    ask: ({ generic, mptcp }) => getLimits(generic, mptcp),
    expected: { subflows: 2, addAddrAccepted: 0 },
  },
  {
    name: 'limits set',
    ask: ({ generic, mptcp }) => setLimits(generic, mptcp, { subflows: 7, addAddrAccepted: 4 }, 'x'),
  },
  {
    name: 'one limit set',
    ask: ({ generic, mptcp }) => setLimits(generic, mptcp, { addAddrAccepted: 5 }, 'x'),
  },
  {
    name: 'limits that were set',
    ask: ({ generic, mptcp }) => getLimits(generic, mptcp),
    expected: { subflows: 7, addAddrAccepted: 5 },
  },
  {
    name: 'limits beyond the most',
    ask: ({ generic, mptcp }) => refused(setLimits(generic, mptcp, { subflows: 0x7fff_ffff }, 'x')),
    expected: refusal('EINVAL', /^limit greater than maximum( \(8\))?$/, 3),
  },
  { name: 'endpoint add', ask: ({ generic, mptcp }) => endpoints.addEndpoint(generic, mptcp, endpoint, 'x') },
  {
    name: 'endpoint add with a port',
    ask: ({ generic, mptcp }) =>
      endpoints.addEndpoint(
        generic,
        mptcp,
        { id: 4, address: '192.0.2.11', ifindex: 10, flags: 1, port: 4433 },
        'x',
      ),
  },
  {
    name: 'IPv6 endpoint add, unbound, id of the kernel',
    ask: ({ generic, mptcp }) =>
      endpoints.addEndpoint(
        generic,
        mptcp,
        { id: 0, address: '2001:db8:1::10', ifindex: 0, flags: 6, port: 0 },
        'x',
      ),
  },
  {
    // 6.1 answers EINVAL to both.
    name: 'endpoint add again',
    ask: ({ generic, mptcp }) => refused(endpoints.addEndpoint(generic, mptcp, { ...endpoint, id: 9 }, 'x')),
    expected: refusal(['EEXIST', 'EINVAL'], /^too many addresses or duplicate one(: -17)?$/),
  },
  {
    name: 'endpoint add under an id that is taken',
    ask: ({ generic, mptcp }) =>
      refused(endpoints.addEndpoint(generic, mptcp, { ...endpoint, address: '10.0.0.1' }, 'x')),
    expected: refusal(['EBUSY', 'EINVAL'], /^too many addresses or duplicate one(: -16)?$/),
  },
  {
    name: 'endpoint add of an implicit one',
    ask: ({ generic, mptcp }) =>
      refused(endpoints.addEndpoint(generic, mptcp, { ...endpoint, address: '10.0.0.1', flags: 16 }, 'x')),
    expected: refusal('EINVAL', "can't create IMPLICIT endpoint", 1),
  },
  {
    name: 'endpoints',
    ask: ({ generic, mptcp }) => endpoints.dumpEndpoints(generic, mptcp),
    expected: [
      endpoint,
      { id: 4, address: '192.0.2.11', ifindex: 10, flags: 1, port: 4433 },
      { id: 5, address: '2001:db8:1::10', ifindex: 0, flags: 6, port: 0 },
    ],
  },
  {
    name: 'endpoint change',
    ask: ({ generic, mptcp }) => endpoints.changeEndpoint(generic, mptcp, { id: 3, flags: 6 }, 'x'),
  },
  {
    name: 'one endpoint',
    ask: ({ generic, mptcp }) => endpoints.getEndpoint(generic, mptcp, 3),
    expected: { ...endpoint, flags: 6 },
  },
  {
    name: 'no endpoint',
    ask: ({ generic, mptcp }) => endpoints.getEndpoint(generic, mptcp, 77),
    expected: null,
  },
  {
    name: 'initial subflows closed',
    ask: ({ generic, mptcp }) => endpoints.closeInitialSubflows(generic, mptcp, '192.0.2.10', 'x'),
  },
  {
    name: 'endpoint delete',
    ask: ({ generic, mptcp }) => endpoints.deleteEndpoint(generic, mptcp, endpoint, 'x'),
  },
  {
    name: 'endpoint delete again',
    ask: ({ generic, mptcp }) => refused(endpoints.deleteEndpoint(generic, mptcp, endpoint, 'x')),
    expected: refusal('EINVAL', 'address not found', 1),
  },
  { name: 'endpoint flush', ask: ({ generic, mptcp }) => endpoints.flushEndpoints(generic, mptcp) },
  {
    name: 'no endpoints',
    ask: ({ generic, mptcp }) => endpoints.dumpEndpoints(generic, mptcp),
    expected: [],
  },
];
