/** Names and texts of netlink messages, compared with the kernel headers and the recordings. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { decodeMessages } from '../../src/netlink/message.ts';
import { addRoute } from '../../src/netlink/route/route.ts';
import { CONTROLLER, MPTCP, MPTCP_EVENT } from '../../src/netlink/trace/generic.ts';
import {
  ACKNOWLEDGEMENT,
  ACKNOWLEDGEMENT_FLAGS,
  ADDING_FLAGS,
  MESSAGE_FLAGS,
  type AttributeFormats,
  type Layout,
} from '../../src/netlink/trace/names.ts';
import { ROUTE_MESSAGES } from '../../src/netlink/trace/route.ts';
import { messageText, type MessageSource } from '../../src/netlink/trace/text.ts';
import { NETLINK_GENERIC, NETLINK_ROUTE } from '../../src/system/addon.ts';
import { readRecording, recordings } from './recording.ts';
import { acknowledgement } from './wire.ts';

/** Constants that the kernel headers of some distributions do not have yet. */
const NEWER = new Set([
  'MPTCP_PM_ADDR_FLAG_LAMINAR',
  'MPTCP_EVENT_LISTENER_CREATED',
  'MPTCP_EVENT_LISTENER_CLOSED',
]);
const isConstant = (name: string): boolean => /^[A-Z]+_[A-Z0-9_]+$/.test(name) && !NEWER.has(name);

function ofAttributes(attributes: AttributeFormats): [string, number][] {
  return [...attributes].flatMap(([number, { name, value }]): [string, number][] => {
    const within = value instanceof Map ? ofAttributes(value as AttributeFormats) : [];
    return [
      [name, number],
      ...within,
      ...('format' in value ? ofNames({ ...value.values, ...value.flags }) : []),
    ];
  });
}

const ofNames = (names: Readonly<Record<number, string>>): [string, number][] =>
  Object.entries(names).map(([value, name]) => [name, Number(value)]);

const ofLayout = ({ header, attributes }: Layout): [string, number][] => [
  ...header.flatMap(([, { values, flags }]) => ofNames({ ...values, ...flags })),
  ...ofAttributes(attributes),
];

test('trace: names and numbers equal those of the kernel headers', () => {
  const claimed = [
    ...[...ROUTE_MESSAGES].flatMap(([type, [name, layout]]) => [[name, type] as const, ...ofLayout(layout)]),
    ...[CONTROLLER, MPTCP, MPTCP_EVENT].flatMap(ofLayout),
    ...ofAttributes(ACKNOWLEDGEMENT),
    ...[MESSAGE_FLAGS, ADDING_FLAGS, ACKNOWLEDGEMENT_FLAGS].flatMap(ofNames),
  ].filter(([name]) => isConstant(name));
  const names = [...new Set(claimed.map(([name]) => name))];
  const folder = mkdtempSync(join(tmpdir(), 'multihomed-names-'));
  try {
    const headers = [
      'rtnetlink',
      'if_link',
      'if_addr',
      'fib_rules',
      'neighbour',
      'nexthop',
      'genetlink',
      'mptcp',
    ];
    const program = [
      '#include <stdio.h>\n#include <netinet/in.h>\n#include <sys/socket.h>\n#include <linux/if.h>',
      ...headers.map((name) => `#include <linux/${name}.h>`),
      'int main(void) {',
      ...names.map((name) => `printf("%lld ${name}\\n", (long long)(${name}));`),
      '}',
    ].join('\n');
    writeFileSync(join(folder, 'names.c'), program);
    const { stderr } = spawnSync('cc', ['-o', join(folder, 'names'), join(folder, 'names.c')], {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C' },
    });
    const missing = [...stderr.matchAll(/'(\w+)' undeclared/g)].map(([, name]) => name);
    expect(missing, 'not in the installed kernel headers: fix the name, or add it to NEWER').toEqual([]);
    expect(stderr).toBe('');
    const known = execFileSync(join(folder, 'names'), { encoding: 'utf8' }).trim().split('\n');
    const values = new Map(
      known.map((line) => line.split(' ')).map(([value, name]) => [name, Number(value)]),
    );
    expect(claimed.filter(([name, value]) => values.get(name) !== value)).toEqual([]);
    expect(names.length).toBeGreaterThan(150);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

describe('trace', () => {
  const shown = (bytes: Buffer, protocol = NETLINK_ROUTE, source: MessageSource = 'request'): string[] =>
    decodeMessages(bytes).map((message) => messageText(message, protocol, source));

  test('decodes a request and its refusal', async () => {
    const texts: string[] = [];
    await addRoute(
      {
        request: async ({ type, flags, payload }) => {
          const message = { type, flags: 5 | flags!, sequence: 7, portId: 0, payload };
          texts.push(messageText(message, NETLINK_ROUTE));
          return [];
        },
        dump: async () => [],
      },
      {
        family: 'ipv4',
        destination: null,
        prefixLength: 0,
        table: 86_840_010,
        protocol: 86,
        hop: { ifindex: 10, gateway: '192.0.2.1', onlink: true },
        metrics: null,
      },
      'route add',
    );
    texts.push(...shown(acknowledgement(7, 17, [[1, Buffer.from('no, thanks\0')]])));
    expect(texts).toEqual([
      'RTM_NEWROUTE NLM_F_REQUEST|NLM_F_ACK|NLM_F_EXCL|NLM_F_CREATE seq 7 family AF_INET dst_len 0 src_len 0 tos 0 ' +
        'table 0 protocol 86 scope universe type RTN_UNICAST flags RTNH_F_ONLINK RTA_TABLE 86840010 RTA_OIF 10 ' +
        'RTA_GATEWAY 192.0.2.1',
      'NLMSG_ERROR NLM_F_CAPPED|NLM_F_ACK_TLVS seq 7 EEXIST NLMSGERR_ATTR_MSG "no, thanks"',
    ]);
  });

  test.for(recordings())('%s: every sent message and attribute has a name', (name) => {
    for (const [title, exchanges] of readRecording(name))
      for (const { sent, received } of exchanges) {
        const protocol = /endpoint|limit|family|subflow/.test(title) ? NETLINK_GENERIC : NETLINK_ROUTE;
        for (const text of shown(sent, protocol)) expect(text).not.toMatch(/attribute \d|nlmsg_type|0x/);
        for (const text of received.flatMap((bytes) => shown(bytes, protocol)))
          expect(text).not.toMatch(/^nlmsg_type/);
      }
  });
});
