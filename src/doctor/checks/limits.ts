/** Whether the kernel's limits let every uplink that the rules select carry a subflow of one connection. */
import type { Family } from '../../netlink/ip.ts';
import type { Uplink } from '../../plan/uplink.ts';
import type { EndpointFlag } from '../../rules/rule.ts';
import { replaceScalar } from '../edit.ts';
import type { Facts, View } from '../facts.ts';
import { finding, type Finding } from '../finding.ts';
import { count } from '../remedies.ts';

const FAMILIES: readonly Family[] = ['ipv4', 'ipv6'];
const UP = new Set(['active', 'verified', 'lingering', 'no free slot', 'conflict', 'failed']);

export function checkLimits({ view, configuration, counters }: Facts): Finding[] {
  const { loaded } = configuration;
  if (!view || !loaded) return [];
  const { limits } = view.snapshot;
  const setting = loaded.limits;
  const now = needed(view, ({ state }) => UP.has(state));
  const could = Math.max(
    now,
    needed(view, ({ state }) => state !== 'ignored'),
  );
  // A daemon raises them before its first endpoint, and nothing needs them sooner.
  const willRaise =
    setting === 'auto'
      ? view.daemon === null
      : setting !== 'leave' && view.daemon === null && (setting.subflows ?? 0) >= now;
  if (now > limits.subflows && !willRaise) {
    const text = `One connection may have ${count(limits.subflows, 'extra subflow')}, and the uplinks that are up need ${now}: the others stay idle`;
    const remedy = [{ argv: ['ip', 'mptcp', 'limits', 'set', 'subflows', `${now}`] }];
    if (setting === 'auto') {
      const raised = view.memory.raised.subflows;
      return raised?.to === limits.subflows && raised.theirs !== true
        ? [finding('fault', 'limits', `${text}; this kernel takes no more than ${limits.subflows}.`)]
        : [
            finding(
              'fault',
              'limits',
              `${text}; an administrator or another program set the limit, and the daemon leaves it so.`,
              remedy,
            ),
          ];
    }
    if (setting !== 'leave' && setting.subflows !== null)
      return [
        finding(
          'fault',
          'limits',
          `${text}; the configuration says "subflows: ${setting.subflows}".`,
          replaceScalar(configuration.texts, loaded.files, ['limits', 'subflows'], `${now}`),
        ),
      ];
    return [
      finding(
        'fault',
        'limits',
        `${text}; the configuration leaves limits alone ("limits: auto" would raise it at every boot).`,
        remedy,
      ),
    ];
  }
  const findings = [
    could > limits.subflows && setting !== 'auto'
      ? finding(
          'note',
          'limits',
          `One connection may have ${count(limits.subflows, 'extra subflow')}; with every uplink of the rules up it would need ${could}.`,
        )
      : finding(
          'ok',
          'limits',
          `Limits suffice: ${count(now, 'extra subflow')} needed now, ${limits.subflows} allowed.`,
        ),
  ];
  return [...findings, ...announced(counters, limits.addAddrAccepted)];
}

/** The kernel counts what came (net/mptcp/mib.h, AddAddr), whether it was used or not: with a limit of 0 none is. */
function announced(counters: Facts['counters'], accepted: number): Finding[] {
  const came = counters?.get('AddAddr') ?? 0;
  if (came === 0 || accepted > 0) return [];
  return [
    finding(
      'note',
      'limits-announced',
      `Peers have announced ${count(came, 'address')}, and none was used (add_addr_accepted is 0): "limits: { add-addr-accepted: 8 }" in config.yaml uses them, and lets peers choose addresses to which this host connects, 127.0.0.1 and inner networks included.`,
    ),
  ];
}

/**
 * The first subflow is not counted, and it starts from one of the uplinks. Of signal endpoints the peer makes the
 * subflows, to all but the address that it came to.
 */
function needed({ plan }: View, counts: (uplink: Uplink) => boolean): number {
  const having = (flag: EndpointFlag, family: Family): number =>
    plan.uplinks.filter(
      ({ rule, ...uplink }) =>
        rule?.flags.includes(flag) &&
        (uplink.family ? uplink.family === family : rule.families.includes(family)) &&
        counts({ rule, ...uplink }),
    ).length;
  const most = FAMILIES.map((family) => Math.max(having('subflow', family), having('signal', family)));
  return Math.max(1, ...most) - 1;
}
