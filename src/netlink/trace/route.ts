/**
 * Messages of NETLINK_ROUTE: linux/rtnetlink.h, if_link.h, if_addr.h, neighbour.h, fib_rules.h, nexthop.h. Attributes
 * that are rarely needed in a log are shown by number.
 */
import {
  ADDRESS,
  BE16,
  FAMILY,
  HEX,
  S32,
  STRING,
  U16,
  U32,
  U8,
  attributes,
  bits,
  numbered,
  type Layout,
  type FieldFormat,
} from './names.ts';

const TABLE: FieldFormat = { format: 'u32', values: { 253: 'default', 254: 'main', 255: 'local' } };
const HOP_FLAGS = bits(
  1,
  'RTNH_F_DEAD RTNH_F_PERVASIVE RTNH_F_ONLINK RTNH_F_OFFLOAD RTNH_F_LINKDOWN RTNH_F_UNRESOLVED RTNH_F_TRAP',
);

const METRICS = attributes({
  ...Object.fromEntries(
    Object.entries(
      numbered(
        1,
        'LOCK MTU WINDOW RTT RTTVAR SSTHRESH CWND ADVMSS REORDERING HOPLIMIT INITCWND FEATURES RTO_MIN INITRWND QUICKACK',
      ),
    ).map(([number, name]) => [number, [`RTAX_${name}`, U32] as const]),
  ),
  16: ['RTAX_CC_ALGO', STRING],
  17: ['RTAX_FASTOPEN_NO_COOKIE', U32],
});

const ROUTE: Layout = {
  header: [
    ['family', FAMILY],
    ['dst_len', U8],
    ['src_len', U8],
    ['tos', U8],
    ['table', { format: 'u8', values: { 252: 'compat', 253: 'default', 254: 'main', 255: 'local' } }],
    ['protocol', { format: 'u8', values: { 2: 'kernel', 3: 'boot', 4: 'static', 9: 'ra', 16: 'dhcp' } }],
    [
      'scope',
      { format: 'u8', values: { 0: 'universe', 200: 'site', 253: 'link', 254: 'host', 255: 'nowhere' } },
    ],
    [
      'type',
      {
        format: 'u8',
        values: numbered(
          0,
          'RTN_UNSPEC RTN_UNICAST RTN_LOCAL RTN_BROADCAST RTN_ANYCAST RTN_MULTICAST RTN_BLACKHOLE RTN_UNREACHABLE RTN_PROHIBIT RTN_THROW',
        ),
      },
    ],
    [
      'flags',
      {
        format: 'u32',
        flags: {
          ...HOP_FLAGS,
          ...bits(
            0x100,
            'RTM_F_NOTIFY RTM_F_CLONED RTM_F_EQUALIZE RTM_F_PREFIX RTM_F_LOOKUP_TABLE RTM_F_FIB_MATCH',
          ),
        },
      },
    ],
  ],
  attributes: attributes({
    1: ['RTA_DST', ADDRESS],
    2: ['RTA_SRC', ADDRESS],
    3: ['RTA_IIF', U32],
    4: ['RTA_OIF', U32],
    5: ['RTA_GATEWAY', ADDRESS],
    6: ['RTA_PRIORITY', U32],
    7: ['RTA_PREFSRC', ADDRESS],
    8: ['RTA_METRICS', METRICS],
    9: ['RTA_MULTIPATH', { format: 'hops' }],
    11: ['RTA_FLOW', U32],
    12: ['RTA_CACHEINFO', HEX],
    15: ['RTA_TABLE', TABLE],
    16: ['RTA_MARK', U32],
    18: ['RTA_VIA', { format: 'via' }],
    20: ['RTA_PREF', U8],
    25: ['RTA_UID', U32],
    27: ['RTA_IP_PROTO', U8],
    28: ['RTA_SPORT', BE16],
    29: ['RTA_DPORT', BE16],
    30: ['RTA_NH_ID', U32],
  }),
};

/** One hop of RTA_MULTIPATH: struct rtnexthop without its length, then attributes of a route. */
export const HOP: Layout = {
  header: [
    ['flags', { format: 'u8', flags: HOP_FLAGS }],
    ['hops', U8],
    ['ifindex', S32],
  ],
  attributes: ROUTE.attributes,
};

const OPERATIONAL = 'unknown notpresent down lowerlayerdown testing dormant up';
const LINK: Layout = {
  header: [
    ['family', FAMILY],
    [null, U8],
    ['type', U16],
    ['index', S32],
    [
      'flags',
      {
        format: 'u32',
        flags: bits(
          1,
          'IFF_UP IFF_BROADCAST IFF_DEBUG IFF_LOOPBACK IFF_POINTOPOINT IFF_NOTRAILERS IFF_RUNNING IFF_NOARP IFF_PROMISC IFF_ALLMULTI IFF_MASTER IFF_SLAVE IFF_MULTICAST IFF_PORTSEL IFF_AUTOMEDIA IFF_DYNAMIC IFF_LOWER_UP IFF_DORMANT IFF_ECHO',
        ),
      },
    ],
    ['change', U32],
  ],
  attributes: attributes({
    1: ['IFLA_ADDRESS', { format: 'hardware' }],
    3: ['IFLA_IFNAME', STRING],
    4: ['IFLA_MTU', U32],
    5: ['IFLA_LINK', U32],
    10: ['IFLA_MASTER', U32],
    13: ['IFLA_TXQLEN', U32],
    16: ['IFLA_OPERSTATE', { format: 'u8', values: numbered(0, OPERATIONAL) }],
    17: ['IFLA_LINKMODE', U8],
    18: ['IFLA_LINKINFO', attributes({ 1: ['IFLA_INFO_KIND', STRING], 4: ['IFLA_INFO_SLAVE_KIND', STRING] })],
    27: ['IFLA_GROUP', U32],
    29: ['IFLA_EXT_MASK', U32],
    33: ['IFLA_CARRIER', U8],
    35: ['IFLA_CARRIER_CHANGES', U32],
    37: ['IFLA_LINK_NETNSID', S32],
    52: ['IFLA_PROP_LIST', attributes({ 53: ['IFLA_ALT_IFNAME', STRING] })],
    56: ['IFLA_PARENT_DEV_NAME', STRING],
    57: ['IFLA_PARENT_DEV_BUS_NAME', STRING],
  }),
};

const ADDRESS_FLAGS =
  'IFA_F_SECONDARY IFA_F_NODAD IFA_F_OPTIMISTIC IFA_F_DADFAILED IFA_F_HOMEADDRESS IFA_F_DEPRECATED IFA_F_TENTATIVE IFA_F_PERMANENT IFA_F_MANAGETEMPADDR IFA_F_NOPREFIXROUTE IFA_F_MCAUTOJOIN IFA_F_STABLE_PRIVACY';
const ADDRESS_LAYOUT: Layout = {
  header: [
    ['family', FAMILY],
    ['prefixlen', U8],
    ['flags', { format: 'u8', flags: bits(1, ADDRESS_FLAGS) }],
    ['scope', U8],
    ['index', U32],
  ],
  attributes: attributes({
    1: ['IFA_ADDRESS', ADDRESS],
    2: ['IFA_LOCAL', ADDRESS],
    3: ['IFA_LABEL', STRING],
    4: ['IFA_BROADCAST', ADDRESS],
    6: ['IFA_CACHEINFO', HEX],
    8: ['IFA_FLAGS', { format: 'u32', flags: bits(1, ADDRESS_FLAGS) }],
    9: ['IFA_RT_PRIORITY', U32],
    11: ['IFA_PROTO', U8],
  }),
};

const NEIGHBOUR: Layout = {
  header: [
    ['family', FAMILY],
    [null, U8],
    [null, U16],
    ['ifindex', S32],
    [
      'state',
      {
        format: 'u16',
        flags: bits(
          1,
          'NUD_INCOMPLETE NUD_REACHABLE NUD_STALE NUD_DELAY NUD_PROBE NUD_FAILED NUD_NOARP NUD_PERMANENT',
        ),
      },
    ],
    [
      'flags',
      {
        format: 'u8',
        flags: bits(
          1,
          'NTF_USE NTF_SELF NTF_MASTER NTF_PROXY NTF_EXT_LEARNED NTF_OFFLOADED NTF_STICKY NTF_ROUTER',
        ),
      },
    ],
    ['type', U8],
  ],
  attributes: attributes({
    1: ['NDA_DST', ADDRESS],
    2: ['NDA_LLADDR', { format: 'hardware' }],
    3: ['NDA_CACHEINFO', HEX],
    4: ['NDA_PROBES', U32],
    8: ['NDA_IFINDEX', U32],
    12: ['NDA_PROTOCOL', U8],
  }),
};

const RULE: Layout = {
  header: [
    ['family', FAMILY],
    ['dst_len', U8],
    ['src_len', U8],
    ['tos', U8],
    ['table', { format: 'u8', values: { 252: 'compat', 253: 'default', 254: 'main', 255: 'local' } }],
    [null, U8],
    [null, U8],
    [
      'action',
      {
        format: 'u8',
        values: numbered(
          0,
          'FR_ACT_UNSPEC FR_ACT_TO_TBL FR_ACT_GOTO FR_ACT_NOP FR_ACT_RES3 FR_ACT_RES4 FR_ACT_BLACKHOLE FR_ACT_UNREACHABLE FR_ACT_PROHIBIT',
        ),
      },
    ],
    [
      'flags',
      {
        format: 'u32',
        flags: {
          ...bits(1, 'FIB_RULE_PERMANENT FIB_RULE_INVERT FIB_RULE_UNRESOLVED FIB_RULE_IIF_DETACHED'),
          0x10: 'FIB_RULE_OIF_DETACHED',
          0x1_0000: 'FIB_RULE_FIND_SADDR',
        },
      },
    ],
  ],
  attributes: attributes({
    1: ['FRA_DST', ADDRESS],
    2: ['FRA_SRC', ADDRESS],
    3: ['FRA_IIFNAME', STRING],
    4: ['FRA_GOTO', U32],
    6: ['FRA_PRIORITY', U32],
    10: ['FRA_FWMARK', U32],
    11: ['FRA_FLOW', U32],
    12: ['FRA_TUN_ID', HEX],
    13: ['FRA_SUPPRESS_IFGROUP', S32],
    14: ['FRA_SUPPRESS_PREFIXLEN', S32],
    15: ['FRA_TABLE', TABLE],
    16: ['FRA_FWMASK', U32],
    17: ['FRA_OIFNAME', STRING],
    19: ['FRA_L3MDEV', U8],
    20: ['FRA_UID_RANGE', HEX],
    21: ['FRA_PROTOCOL', U8],
    22: ['FRA_IP_PROTO', U8],
    23: ['FRA_SPORT_RANGE', HEX],
    24: ['FRA_DPORT_RANGE', HEX],
  }),
};

const NEXTHOP: Layout = {
  header: [
    ['family', FAMILY],
    ['scope', U8],
    ['protocol', U8],
    [null, U8],
    ['flags', U32],
  ],
  attributes: attributes({
    1: ['NHA_ID', U32],
    2: ['NHA_GROUP', HEX],
    5: ['NHA_OIF', U32],
    6: ['NHA_GATEWAY', ADDRESS],
  }),
};

const kinds = (first: number, noun: string, layout: Layout): [number, [string, Layout]][] =>
  ['NEW', 'DEL', 'GET'].map((verb, at) => [first + at, [`RTM_${verb}${noun}`, layout]]);

/** Messages of NETLINK_ROUTE by nlmsg_type. */
export const ROUTE_MESSAGES: ReadonlyMap<number, readonly [name: string, layout: Layout]> = new Map([
  ...kinds(16, 'LINK', LINK),
  ...kinds(20, 'ADDR', ADDRESS_LAYOUT),
  ...kinds(24, 'ROUTE', ROUTE),
  ...kinds(28, 'NEIGH', NEIGHBOUR),
  ...kinds(32, 'RULE', RULE),
  ...kinds(104, 'NEXTHOP', NEXTHOP),
]);
