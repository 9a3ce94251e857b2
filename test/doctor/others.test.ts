/** Findings about other programs, objects of other programs, and connections. */
import { expect, test } from 'vitest';
import type { ConnectionFacts, ManagerFacts } from '../../src/doctor/facts.ts';
import { diagnosis, holds } from './case.ts';
import { defaultRoute, facts, link, policyRule, snapshot, type Spoilt } from './facts.ts';

const managers = (more: Partial<ManagerFacts>): Spoilt => ({
  facts: { managers: { ...facts().managers, ...more } },
});
const runs = (name: string, here: boolean | null = true) => [{ name, pid: 7, here }];
const connected = (outcome: ConnectionFacts['outcome'], loopback = false): Spoilt => ({
  facts: {
    connections: [
      {
        uplink: loopback ? null : { interface: 'eth1', address: '10.1.0.2', family: 'ipv4' },
        peer: 'server.example:22',
        outcome,
      },
    ],
  },
});
const endpoint = { id: 5, address: '10.9.9.9', ifindex: 0, flags: 2, port: 0 };

holds([
  [
    'NetworkManager runs',
    managers({ processes: runs('NetworkManager') }),
    'networkmanager',
    'warning',
    "mkdir -p /etc/NetworkManager/conf.d && printf '%s\\n' '[connection]' connection.mptcp-flags=1 > /etc/NetworkManager/conf.d/zz-multihomed.conf && nmcli general reload",
  ],
  [
    'NetworkManager elsewhere',
    managers({
      processes: runs('NetworkManager', false),
      networkManager: { configured: true, mptcpFlags: [] },
    }),
    'networkmanager',
    'note',
    "mkdir -p /etc/NetworkManager/conf.d && printf '%s\\n' '[connection]' connection.mptcp-flags=1 > /etc/NetworkManager/conf.d/zz-multihomed.conf",
  ],
  [
    'NetworkManager configured not to',
    managers({
      processes: runs('NetworkManager', null),
      networkManager: { configured: true, mptcpFlags: [{ section: 'connection', value: '0x1', file: 'x' }] },
    }),
    'networkmanager',
    'ok',
    null,
  ],
  [
    'NetworkManager in a section',
    managers({
      networkManager: {
        configured: true,
        mptcpFlags: [{ section: 'connection-wifi', value: '0x22', file: 'x' }],
      },
    }),
    'networkmanager',
    'warning',
    "mkdir -p /etc/NetworkManager/conf.d && printf '%s\\n' '[connection-wifi]' connection.mptcp-flags=1 > /etc/NetworkManager/conf.d/zz-multihomed.conf",
  ],
  [
    'mptcpd alone',
    managers({ processes: runs('mptcpd') }),
    'mptcpd',
    'note',
    'systemctl disable --now mptcp.service',
  ],
  [
    'networkd by default',
    managers({ processes: runs('systemd-network') }),
    'networkd',
    'warning',
    "mkdir -p /etc/systemd/networkd.conf.d && printf '%s\\n' '[Network]' ManageForeignRoutingPolicyRules=no ManageForeignRoutes=no > /etc/systemd/networkd.conf.d/90-multihomed.conf && systemctl restart systemd-networkd",
  ],
  [
    'networkd with foreign objects excluded',
    managers({ processes: runs('systemd-network'), networkd: { foreignRules: false, foreignRoutes: false } }),
    'networkd',
    'ok',
    null,
  ],
  [
    'a foreign policy rule before those of multihomed',
    {
      snapshot: { policyRules: [policyRule({})] },
      view: { otherDefaults: [defaultRoute(2, { table: 77 })] },
    },
    'policy-rule:ipv4:100',
    'fault',
    'ip rule add from all lookup 77 priority 8690 && ip rule delete from all lookup 77 priority 100',
  ],
  [
    'a policy rule for marked packets',
    {
      snapshot: { policyRules: [policyRule({ fwmark: 7 })] },
      view: { otherDefaults: [defaultRoute(2, { table: 77 })] },
    },
    'policy-rules',
    'ok',
    null,
  ],
  [
    'a foreign policy rule among those of multihomed',
    { snapshot: { policyRules: [policyRule({ priority: 8681, iif: 'lo' })] } },
    'priority:ipv4:8681',
    'warning',
    'ip rule add from all iif lo lookup 77 priority 8690 && ip rule delete from all iif lo lookup 77 priority 8681',
  ],
  [
    'foreign routes in a table of multihomed',
    { view: { foreignRoutes: [defaultRoute(1, { table: 86_840_001, protocol: 4 })] } },
    'table:86840001',
    'warning',
    'ip -4 route flush table 86840001 proto 4',
  ],
  [
    'an endpoint for no address',
    { snapshot: { endpoints: [endpoint] } },
    'endpoint:5',
    'warning',
    'ip mptcp endpoint delete id 5',
  ],
  [
    'an announced address of a router',
    { snapshot: { endpoints: [{ ...endpoint, flags: 1 }] } },
    'endpoint:5',
    'note',
    null,
  ],
  [
    'a full-tunnel VPN',
    {
      snapshot: {
        links: new Map([...snapshot().links, [9, link(9, 'wg0', { kind: 'wireguard' })]]),
        egress: {
          ipv4: { kind: 'route', ifindexes: [9], table: 254, prefixLength: 1, rule: null },
          ipv6: null,
        },
      },
    },
    'tunnel:wg0',
    'note',
    null,
  ],
  [
    'a hook that others can write',
    {
      facts: {
        hooks: [
          {
            kind: 'file',
            path: '/h',
            code: 'refused',
            reason: '/h is writable by everyone',
            remedy: { argv: ['chmod', 'o-w', '/h'] },
          },
        ],
      },
    },
    'hook:/h',
    'warning',
    'chmod o-w /h',
  ],
  [
    'a hook that is not executable',
    {
      facts: {
        hooks: [
          {
            kind: 'file',
            path: '/h',
            code: 'refused',
            reason: '/h is not executable',
            remedy: { argv: ['chmod', '+x', '/h'] },
          },
        ],
      },
    },
    'hook:/h',
    'warning',
    'chmod +x /h',
  ],
  [
    'a folder of hooks that others can write',
    {
      facts: {
        hooks: [
          {
            kind: 'folder',
            path: '/hooks.d',
            code: 'refused',
            reason: '/hooks.d is writable by everyone',
            remedy: { argv: ['chmod', 'o-w', '/hooks.d'] },
          },
        ],
      },
    },
    'hook:/hooks.d',
    'warning',
    'chmod o-w /hooks.d',
  ],
  [
    'refused joins',
    { facts: { counters: new Map([['MPJoinRejected', 3]]) } },
    'counter-join-rejected',
    'note',
    null,
  ],
  ['no daemon', { view: { daemon: null } }, 'daemon', 'warning', 'systemctl start multihomed'],
  [
    'no daemon, no systemd',
    { view: { daemon: null, systemd: false } },
    'daemon',
    'warning',
    'multihomed run',
  ],
  ['no interface selected', { rules: 'rules: { "wl*": subflow }' }, 'no-uplink', 'warning', null],
  ['loopback falls back to TCP', connected({ kind: 'tcp' }, true), 'loopback', 'fault', null],
  ['a peer without MPTCP', connected({ kind: 'tcp' }), 'peer:eth1:10.1.0.2', 'warning', null],
  [
    'a peer that refuses the connection',
    connected({ kind: 'failed', code: 'ECONNREFUSED' }),
    'peer:eth1:10.1.0.2',
    'warning',
    null,
  ],
  [
    'a missing subflow',
    connected({ kind: 'mptcp', received: true, subflows: ['10.1.0.2'], missing: ['10.2.0.2'] }),
    'peer:eth1:10.1.0.2',
    'warning',
    null,
  ],
  [
    'a silent peer',
    connected({ kind: 'mptcp', received: false, subflows: ['10.1.0.2'], missing: ['10.2.0.2'] }),
    'peer:eth1:10.1.0.2',
    'note',
    null,
  ],
  [
    'subflows that cannot be read',
    connected({ kind: 'unknown', why: 'no' }),
    'peer:eth1:10.1.0.2',
    'note',
    null,
  ],
  [
    'a file that cannot be read',
    { facts: { unread: ['That could not be read.'] } },
    'unread:1',
    'note',
    null,
  ],
]);

test('hooks: the finding names the hook, or the folder of which no hook is run', () => {
  const text = (kind: 'file' | 'folder', path: string): string | undefined => {
    const refusal = { kind, path, code: 'refused', reason: `${path} is a link to /x`, remedy: null } as const;
    return diagnosis({ facts: { hooks: [refusal] } }).find(({ code }) => code === 'hook')?.text;
  };
  expect(text('file', '/h')).toBe('The hook is not run: /h is a link to /x.');
  expect(text('folder', '/hooks.d')).toBe('No hook in /hooks.d is run: /hooks.d is a link to /x.');
});

test('no interface selected: the new rule does not go into a packaged file', () => {
  const rules = 'rules: { "wl*": subflow }';
  const { configuration } = facts({ rules });
  const files = ['/usr/lib/multihomed/rules.d/60-roaming.yaml'];
  const loaded = { ...configuration.loaded!, files };
  const findings = diagnosis({ rules, facts: { configuration: { ...configuration, loaded } } });
  expect(findings.find(({ id }) => id === 'no-uplink')?.text).toContain(
    'add a rule to /etc/multihomed/config.yaml.',
  );
});
