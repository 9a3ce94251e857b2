/** Requests in the scene, sent by the functions that the program uses, and their expected results. */
import { expect } from 'vitest';
import { dumpAddresses } from '../../src/netlink/route/address.ts';
import { askFib } from '../../src/netlink/route/fib.ts';
import { dumpLinks, linkBytes } from '../../src/netlink/route/link.ts';
import { addPolicyRule, deletePolicyRule, dumpPolicyRules } from '../../src/netlink/route/policy-rule.ts';
import { addRoute, appendRoute, deleteRoute, dumpRoutes } from '../../src/netlink/route/route.ts';
import { refusal, refused, type DecoderCase } from './case.ts';
import { PATH_MANAGER_CASES } from './path-manager-cases.ts';
import { ADDRESSES, hop, LINKS, policyRule, POLICY_RULES, route, ROUTES, ROUTES6 } from './expected.ts';

const TABLE = 86_840_010;
const own = (words: object = {}) => ({
  family: 'ipv4' as const,
  destination: null,
  prefixLength: 0,
  table: TABLE,
  protocol: 86,
  hop: { ifindex: 10, gateway: '192.0.2.1', onlink: false },
  metrics: null,
  ...words,
});
const ownRule = {
  family: 'ipv4' as const,
  source: '192.0.2.10',
  sourceLength: 32,
  priority: 8684,
  table: TABLE,
  suppressPrefixLength: null,
  protocol: 86,
};
export const CASES: readonly DecoderCase[] = [
  { name: 'links', ask: ({ route: r }) => dumpLinks(r), expected: LINKS },
  {
    name: 'bytes of a link',
    ask: ({ route: r }) => linkBytes(r, 10),
    expected: { received: expect.any(BigInt) as bigint, sent: expect.any(BigInt) as bigint },
  },
  { name: 'bytes of no link', ask: ({ route: r }) => refused(linkBytes(r, 99)), expected: refusal('ENODEV') },
  { name: 'addresses', ask: ({ route: r }) => dumpAddresses(r), expected: ADDRESSES },
  {
    name: 'routes of a table',
    ask: ({ route: r }) => dumpRoutes(r, { family: 'ipv4', table: 100 }),
    expected: ROUTES,
  },
  {
    name: 'IPv6 routes of a table',
    ask: ({ route: r }) => dumpRoutes(r, { family: 'ipv6', table: 100 }),
    expected: ROUTES6,
  },
  {
    name: 'routes of a table that never was',
    ask: ({ route: r }) => dumpRoutes(r, { family: 'ipv4', table: 4711 }),
    expected: [],
  },
  {
    name: 'routes of one link and protocol',
    ask: ({ route: r }) => dumpRoutes(r, { family: 'ipv4', table: 254, protocol: 16, ifindex: 10 }),
    expected: [route({ protocol: 16, metric: 100, hops: [hop({ gateway: '192.0.2.1' })] })],
  },
  { name: 'policy rules', ask: ({ route: r }) => dumpPolicyRules(r, 'ipv4'), expected: POLICY_RULES },
  {
    name: 'IPv6 policy rules',
    ask: ({ route: r }) => dumpPolicyRules(r, 'ipv6'),
    expected: [
      policyRule({ family: 'ipv6', table: 255, protocol: 2 }),
      policyRule({ family: 'ipv6', priority: 300, source: '2001:db8:1::10', sourceLength: 128 }),
      policyRule({ family: 'ipv6', priority: 32_766, table: 254, protocol: 2 }),
    ],
  },
  {
    name: 'route get',
    ask: ({ route: r }) => askFib(r, { family: 'ipv4', destination: '198.18.0.1', ifindex: 10 }),
    expected: { route: route({ protocol: 16, metric: 100, hops: [hop({ gateway: '192.0.2.1' })] }) },
  },
  {
    name: 'route get with the source that is taken',
    ask: ({ route: r }) =>
      askFib(r, { family: 'ipv6', destination: '2001:db8:1::99', ifindex: 10, resolved: true }),
    expected: {
      route: expect.objectContaining({ preferredSource: '2001:db8:1::10', hops: [hop()] }) as unknown,
    },
  },
  {
    name: 'route get through a policy rule',
    ask: ({ route: r }) => askFib(r, { family: 'ipv4', destination: '10.3.0.1', source: '192.0.2.10' }),
    expected: { route: ROUTES.find((each) => each.destination === '10.3.0.0') },
  },
  {
    name: 'route get where none leads',
    ask: ({ route: r }) => askFib(r, { family: 'ipv4', destination: '203.0.113.1', ifindex: 13 }),
    expected: { error: refusal('EHOSTUNREACH') },
  },
  {
    name: 'route get from an address that no interface has',
    ask: ({ route: r }) => askFib(r, { family: 'ipv4', destination: '203.0.113.1', source: '203.0.113.9' }),
    expected: { error: refusal('ENETUNREACH') },
  },
  {
    name: 'connected route add',
    ask: ({ route: r }) =>
      addRoute(
        r,
        own({
          destination: '192.0.2.0',
          prefixLength: 24,
          hop: { ifindex: 10, gateway: null, onlink: false },
        }),
        'x',
      ),
  },
  { name: 'default route add', ask: ({ route: r }) => addRoute(r, own(), 'x') },
  {
    name: 'default route add again',
    ask: ({ route: r }) => refused(addRoute(r, own(), 'x')),
    expected: refusal('EEXIST'),
  },
  {
    name: 'route add by a gateway that cannot be reached',
    ask: ({ route: r }) =>
      refused(
        addRoute(r, own({ table: 5, hop: { ifindex: 10, gateway: '203.0.113.5', onlink: false } }), 'x'),
      ),
    expected: refusal('ENETUNREACH', 'Nexthop has invalid gateway'),
  },
  {
    name: 'route append, on-link, with metrics',
    ask: ({ route: r }) =>
      appendRoute(
        r,
        own({
          hop: { ifindex: 10, gateway: '203.0.113.77', onlink: true },
          metrics: Buffer.from('0800020078050000', 'hex'),
        }),
        'x',
      ),
  },
  { name: 'route delete of the one before it', ask: ({ route: r }) => deleteRoute(r, own(), 'x') },
  {
    name: 'route add by an IPv6 gateway',
    ask: ({ route: r }) =>
      addRoute(
        r,
        own({
          destination: '10.7.0.0',
          prefixLength: 16,
          hop: { ifindex: 10, gateway: 'fe80::1', onlink: false },
        }),
        'x',
      ),
  },
  {
    name: 'IPv6 route add',
    ask: ({ route: r }) =>
      addRoute(r, own({ family: 'ipv6', hop: { ifindex: 10, gateway: 'fe80::1', onlink: false } }), 'x'),
  },
  {
    name: 'own routes',
    ask: ({ route: r }) => dumpRoutes(r, { family: 'ipv4', protocol: 86 }),
    expected: [
      route({
        table: TABLE,
        protocol: 86,
        hops: [hop({ gateway: '203.0.113.77', onlink: true })],
        metrics: Buffer.from('0800020078050000', 'hex'),
      }),
      route({
        destination: '10.7.0.0',
        prefixLength: 16,
        table: TABLE,
        protocol: 86,
        hops: [hop({ gateway: 'fe80::1' })],
      }),
      route({ destination: '192.0.2.0', prefixLength: 24, table: TABLE, protocol: 86, hops: [hop()] }),
    ],
  },
  {
    name: 'route delete',
    ask: ({ route: r }) =>
      deleteRoute(r, own({ hop: { ifindex: 10, gateway: '203.0.113.77', onlink: true } }), 'x'),
  },
  {
    name: 'route delete again',
    ask: ({ route: r }) => refused(deleteRoute(r, own(), 'x')),
    expected: refusal('ESRCH'),
  },
  { name: 'policy rule add', ask: ({ route: r }) => addPolicyRule(r, ownRule, 'x') },
  {
    name: 'policy rule add that keeps to what is more specific',
    ask: ({ route: r }) =>
      addPolicyRule(r, { ...ownRule, priority: 8682, table: 254, suppressPrefixLength: 0 }, 'x'),
  },
  {
    name: 'policy rule add again',
    ask: ({ route: r }) => refused(addPolicyRule(r, ownRule, 'x')),
    expected: refusal('EEXIST'),
  },
  {
    name: 'IPv6 policy rule add',
    ask: ({ route: r }) =>
      addPolicyRule(r, { ...ownRule, family: 'ipv6', source: '2001:db8:1::10', sourceLength: 128 }, 'x'),
  },
  { name: 'policy rule delete', ask: ({ route: r }) => deletePolicyRule(r, ownRule, 'x') },
  {
    name: 'policy rule delete again',
    ask: ({ route: r }) => refused(deletePolicyRule(r, ownRule, 'x')),
    expected: refusal('ENOENT'),
  },
  ...PATH_MANAGER_CASES,
];
