/** Findings from facts: each fault has its text, severity and command. */
import { describe, expect, test } from 'vitest';
import type { Setting } from '../../src/doctor/facts.ts';
import { worstOf } from '../../src/doctor/finding.ts';
import { EMPTY_STATE } from '../../src/actions/state.ts';
import { diagnosis, holds } from './case.ts';
import { defaultRoute, facts, policyRule, snapshot, type Spoilt } from './facts.ts';
import { coded, type Reason } from '../../src/plan/reason.ts';

test('a healthy host has no finding worse than ok', () => {
  const findings = diagnosis();
  expect(worstOf(findings), JSON.stringify(findings)).toBe('ok');
  for (const { text, command } of findings) {
    expect(text).toMatch(/^[A-Z"].*\.$/);
    expect(command).toBeNull();
  }
});

const main = 'rules: { eth1: subflow, eth2: { flags: subflow, routing: main } }';
const endpoint = { id: 5, address: '10.9.9.9', ifindex: 0, flags: 2, port: 0 };
const worse = snapshot().lookups;

holds([
  [
    'no MPTCP',
    { facts: { kernel: { mptcp: false, refused: 'EPROTONOSUPPORT', ipv6: true } } },
    'kernel-mptcp',
    'fault',
    null,
  ],
  [
    'switched off',
    { sysctls: { 'mptcp.enabled': '0' } },
    'mptcp-enabled',
    'fault',
    'sysctl -w net.mptcp.enabled=1',
  ],
  [
    'no sockets',
    { facts: { kernel: { mptcp: true, refused: 'EPERM', ipv6: true } } },
    'mptcp-enabled',
    'fault',
    null,
  ],
  [
    'no IPv6',
    { facts: { kernel: { mptcp: true, refused: null, ipv6: false } } },
    'kernel-ipv6',
    'note',
    null,
  ],
  [
    'userspace by name',
    { sysctls: { 'mptcp.path_manager': 'userspace' } },
    'path-manager',
    'fault',
    'sysctl -w net.mptcp.path_manager=kernel',
  ],
  [
    'short close time',
    { sysctls: { 'mptcp.close_timeout': '3' } },
    'sysctl-close-timeout',
    'warning',
    'sysctl -w net.mptcp.close_timeout=60',
  ],
  [
    'stale_loss_cnt is zero',
    { sysctls: { 'mptcp.stale_loss_cnt': '0' } },
    'sysctl-stale-loss-cnt',
    'warning',
    'sysctl -w net.mptcp.stale_loss_cnt=4',
  ],
  [
    'never announced again',
    { sysctls: { 'mptcp.add_addr_timeout': '0' } },
    'sysctl-add-addr-timeout',
    'warning',
    'sysctl -w net.mptcp.add_addr_timeout=120',
  ],
  ['another scheduler', { sysctls: { 'mptcp.scheduler': 'bpf_rr' } }, 'scheduler', 'note', null],
  ['strict filter, policy', { sysctls: { 'ipv4.conf.all.rp_filter': '1' } }, 'reverse-path:eth1', 'ok', null],
  [
    'strict filter, main, not the best',
    {
      rules: main,
      sysctls: { 'ipv4.conf.eth2.rp_filter': '1' },
      snapshot: {
        lookups: new Map(
          [...worse].map(([key, answer]) => [key, { ...answer, unbound: worse.get('1/10.1.0.2')!.unbound }]),
        ),
      },
    },
    'reverse-path:eth2',
    'fault',
    'sysctl -w net.ipv4.conf.eth2.rp_filter=2',
  ],
  [
    'strict filter, main, the best',
    { rules: main, sysctls: { 'ipv4.conf.eth2.rp_filter': '1' } },
    'reverse-path:eth2',
    'note',
    'sysctl -w net.ipv4.conf.eth2.rp_filter=2',
  ],
  [
    'limits: leave',
    {
      rules: 'rules: { "eth*": subflow }\nlimits: leave',
      snapshot: { limits: { subflows: 0, addAddrAccepted: 0 } },
    },
    'limits',
    'fault',
    'ip mptcp limits set subflows 1',
  ],
  [
    'limits as numbers',
    {
      rules: 'rules: { "eth*": subflow }\nlimits:\n  subflows: 0 # few\n',
      snapshot: { limits: { subflows: 0, addAddrAccepted: 0 } },
    },
    'limits',
    'fault',
    "sed -i -e '3c\\  subflows: 1 # few' /etc/multihomed/config.yaml",
  ],
  [
    'limits that an administrator lowered under auto',
    {
      snapshot: { limits: { subflows: 0, addAddrAccepted: 0 } },
      view: {
        state: { ...EMPTY_STATE, raised: { subflows: { from: 2, before: 2, to: 8, foreign: true } } },
      },
    },
    'limits',
    'fault',
    'ip mptcp limits set subflows 1',
  ],
  [
    'limits at the most of the kernel',
    {
      snapshot: { limits: { subflows: 0, addAddrAccepted: 0 } },
      view: {
        state: { ...EMPTY_STATE, raised: { subflows: { from: 0, before: 0, to: 0, granted: true } } },
      },
    },
    'limits',
    'fault',
    null,
  ],
  [
    'addresses that peers announced and that were not used',
    {
      snapshot: { limits: { subflows: 2, addAddrAccepted: 0 } },
      facts: { counters: new Map([['AddAddr', 3]]) },
    },
    'limits-announced',
    'note',
    null,
  ],
  [
    'joins without an answer',
    {
      facts: {
        counters: new Map([
          ['MPJoinSynTx', 5],
          ['MPJoinSynAckRx', 3],
        ]),
      },
    },
    'counter-join-unanswered',
    'note',
    null,
  ],
  [
    'probes by ICMP where no group may send it',
    {
      rules: 'rules: { "eth*": subflow }\nhealth: { probe: { track: [192.0.2.1, "tcp://192.0.2.1:80"] } }',
      sysctls: { 'ipv4.ping_group_range': '1\t0' },
    },
    'ping-group-range',
    'warning',
    "sysctl -w 'net.ipv4.ping_group_range=0 2147483647'",
  ],
  [
    'router advertisements that a router ignores',
    { sysctls: { 'ipv6.conf.eth1.forwarding': '1', 'ipv6.conf.eth1.accept_ra': '1' } },
    'accept-ra:eth1',
    'warning',
    'sysctl -w net.ipv6.conf.eth1.accept_ra=2',
  ],
  [
    'limits that the daemon will raise',
    { snapshot: { limits: { subflows: 0, addAddrAccepted: 0 } }, view: { daemon: null } },
    'limits',
    'ok',
    null,
  ],
]);

describe('uplinks', () => {
  const explained = (state: string, reason: Reason, advice: string | null = null): Spoilt => ({
    view: {
      explanations: [
        {
          interface: 'eth1',
          rules: [],
          advice: null,
          uplinks: [
            {
              ...{ address: '10.1.0.2', state, reason: 'because', ...coded(reason), stays: null },
              ...{ steps: [], advice, remedy: null },
            },
          ],
        },
      ],
    },
  });
  const SLOT: Reason = { code: 'no-free-slot', endpoints: 8, foreign: 0 };
  const of = (spoilt: Spoilt) => diagnosis(spoilt).find(({ id }) => id.startsWith('uplink:eth1'));

  test.each([
    ['active', 'ok'],
    ['no carrier', 'note'],
    ['tentative', 'note'],
    ['lingering', 'warning'],
    ['no free slot', 'warning'],
    ['failed', 'fault'],
  ])('%s is %s', (state, severity) => {
    expect(of(explained(state, SLOT))?.severity).toBe(severity);
  });

  test('the plan’s advice is a finding if no command helps', () => {
    expect(of(explained('no free slot', SLOT, 'do this'))?.text).toBe(
      'eth1 10.1.0.2: no free slot, because; do this.',
    );
  });

  test('the command deletes a foreign endpoint on its address', () => {
    const { view } = explained('conflict', { code: 'foreign-endpoint', id: 5, flags: [] });
    const endpoints = [{ ...endpoint, address: '10.1.0.2' }];
    const found = of({ snapshot: { endpoints }, view: view! });
    expect(found).toMatchObject({ severity: 'fault', command: 'multihomed endpoint delete id 5' });
  });

  test('the command configures NetworkManager before it deletes its endpoint', () => {
    const { view } = explained('conflict', { code: 'foreign-endpoint', id: 5, flags: [] });
    const endpoints = [{ ...endpoint, address: '10.1.0.2' }];
    const processes = [{ pid: 7, name: 'NetworkManager', here: true }];
    const found = (mptcpFlags: readonly Setting[]) =>
      of({
        snapshot: { endpoints },
        view: view!,
        facts: {
          managers: { ...facts().managers, processes, networkManager: { configured: true, mptcpFlags } },
        },
      });
    expect(found([])?.command).toMatch(
      /^mkdir -p \/etc\/NetworkManager\/conf\.d && .*zz-multihomed\.conf && nmcli general reload && multihomed endpoint delete id 5$/,
    );
    const packaged = [{ section: 'connection', value: '1', file: 'zz-multihomed.conf' }];
    expect(found(packaged)?.command).toBe('multihomed endpoint delete id 5');
  });

  test('the policy rule of a conflict is moved behind multihomed’s and reported once', () => {
    const { view } = explained('conflict', {
      code: 'policy-rule',
      priority: 100,
      egress: { kind: 'specific' },
    });
    const policyRules = [policyRule({ source: '10.1.0.0', sourceLength: 24 })];
    const all = diagnosis({
      snapshot: { policyRules },
      view: { ...view, otherDefaults: [defaultRoute(2, { table: 77 })] },
    });
    expect(all.filter(({ severity }) => severity === 'fault').map(({ command }) => command)).toEqual([
      'ip rule add from 10.1.0.0/24 lookup 77 priority 8690 && ip rule delete from 10.1.0.0/24 lookup 77 priority 100',
    ]);
  });
});

test.each([
  ['a group may send it', 'track: 192.0.2.1', '0\t2147483647'],
  ['no probe uses it', 'track: "http://192.0.2.1/"', '1\t0'],
])('probes: nothing is reported if %s', (_, track, range) => {
  const rules = `rules: { "eth*": subflow }\nhealth: { probe: { ${track} } }`;
  const ids = diagnosis({ rules, sysctls: { 'ipv4.ping_group_range': range } }).map(({ id }) => id);
  expect(ids).not.toContain('ping-group-range');
});
