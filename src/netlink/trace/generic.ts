/** Messages of generic netlink: the controller (linux/genetlink.h) and mptcp_pm (linux/mptcp.h, mptcp_pm.h). */
import { FLAG_BITS } from '../mptcp/flags.ts';
import {
  ADDRESS,
  BE16,
  FAMILIES,
  HEX,
  S32,
  STRING,
  U16,
  U32,
  U8,
  attributes,
  numbered,
  type Field,
  type Layout,
} from './names.ts';

const generic = (prefix: string, commands: string): readonly Field[] => [
  [
    'cmd',
    {
      format: 'u8',
      values: Object.fromEntries(
        Object.entries(numbered(1, commands)).map(([number, name]) => [number, `${prefix}${name}`]),
      ),
    },
  ],
  ['version', U8],
  [null, U16],
];

export const CONTROLLER: Layout = {
  header: generic(
    'CTRL_CMD_',
    'NEWFAMILY DELFAMILY GETFAMILY NEWOPS DELOPS GETOPS NEWMCAST_GRP DELMCAST_GRP GETMCAST_GRP GETPOLICY',
  ),
  attributes: attributes({
    1: ['CTRL_ATTR_FAMILY_ID', U16],
    2: ['CTRL_ATTR_FAMILY_NAME', STRING],
    3: ['CTRL_ATTR_VERSION', U32],
    4: ['CTRL_ATTR_HDRSIZE', U32],
    5: ['CTRL_ATTR_MAXATTR', U32],
    6: ['CTRL_ATTR_OPS', HEX],
    7: ['CTRL_ATTR_MCAST_GROUPS', HEX],
  }),
};

const ENDPOINT = attributes({
  1: ['MPTCP_PM_ADDR_ATTR_FAMILY', { format: 'u16', values: FAMILIES }],
  2: ['MPTCP_PM_ADDR_ATTR_ID', U8],
  3: ['MPTCP_PM_ADDR_ATTR_ADDR4', ADDRESS],
  4: ['MPTCP_PM_ADDR_ATTR_ADDR6', ADDRESS],
  5: ['MPTCP_PM_ADDR_ATTR_PORT', U16],
  6: [
    'MPTCP_PM_ADDR_ATTR_FLAGS',
    {
      format: 'u32',
      flags: Object.fromEntries(
        Object.entries(FLAG_BITS).map(([word, bit]) => [bit, `MPTCP_PM_ADDR_FLAG_${word.toUpperCase()}`]),
      ),
    },
  ],
  7: ['MPTCP_PM_ADDR_ATTR_IF_IDX', S32],
});

export const MPTCP: Layout = {
  header: generic(
    'MPTCP_PM_CMD_',
    'ADD_ADDR DEL_ADDR GET_ADDR FLUSH_ADDRS SET_LIMITS GET_LIMITS SET_FLAGS ANNOUNCE REMOVE SUBFLOW_CREATE SUBFLOW_DESTROY',
  ),
  attributes: attributes({
    1: ['MPTCP_PM_ATTR_ADDR', ENDPOINT],
    2: ['MPTCP_PM_ATTR_RCV_ADD_ADDRS', U32],
    3: ['MPTCP_PM_ATTR_SUBFLOWS', U32],
    4: ['MPTCP_PM_ATTR_TOKEN', U32],
    5: ['MPTCP_PM_ATTR_LOC_ID', U8],
    6: ['MPTCP_PM_ATTR_ADDR_REMOTE', ENDPOINT],
  }),
};

/** Events of the group mptcp_pm_events, which have the family's type: enum mptcp_event_type, linux/mptcp.h. */
export const MPTCP_EVENT: Layout = {
  header: [
    [
      'cmd',
      {
        format: 'u8',
        values: {
          ...numbered(1, 'MPTCP_EVENT_CREATED MPTCP_EVENT_ESTABLISHED MPTCP_EVENT_CLOSED'),
          ...numbered(6, 'MPTCP_EVENT_ANNOUNCED MPTCP_EVENT_REMOVED'),
          ...numbered(10, 'MPTCP_EVENT_SUB_ESTABLISHED MPTCP_EVENT_SUB_CLOSED'),
          13: 'MPTCP_EVENT_SUB_PRIORITY',
          ...numbered(15, 'MPTCP_EVENT_LISTENER_CREATED MPTCP_EVENT_LISTENER_CLOSED'),
        },
      },
    ],
    ['version', U8],
    [null, U16],
  ],
  attributes: attributes({
    1: ['MPTCP_ATTR_TOKEN', U32],
    2: ['MPTCP_ATTR_FAMILY', { format: 'u16', values: FAMILIES }],
    3: ['MPTCP_ATTR_LOC_ID', U8],
    4: ['MPTCP_ATTR_REM_ID', U8],
    5: ['MPTCP_ATTR_SADDR4', ADDRESS],
    6: ['MPTCP_ATTR_SADDR6', ADDRESS],
    7: ['MPTCP_ATTR_DADDR4', ADDRESS],
    8: ['MPTCP_ATTR_DADDR6', ADDRESS],
    9: ['MPTCP_ATTR_SPORT', BE16],
    10: ['MPTCP_ATTR_DPORT', BE16],
    11: ['MPTCP_ATTR_BACKUP', U8],
    12: ['MPTCP_ATTR_ERROR', U8],
    13: ['MPTCP_ATTR_FLAGS', U16],
    14: ['MPTCP_ATTR_TIMEOUT', U32],
    15: ['MPTCP_ATTR_IF_IDX', S32],
    16: ['MPTCP_ATTR_RESET_REASON', U32],
    17: ['MPTCP_ATTR_RESET_FLAGS', U32],
    18: ['MPTCP_ATTR_SERVER_SIDE', U8],
  }),
};
