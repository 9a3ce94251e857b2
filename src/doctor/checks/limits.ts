/** Checks that the kernel's limits let every selected uplink carry a subflow of one connection. */
import type { Family } from '../../netlink/ip.ts';
import type { Uplink } from '../../plan/uplink.ts';
import type { EndpointFlag } from '../../rules/rule.ts';
import { replaceScalar } from '../edit.ts';
import type { Facts, HostView } from '../facts.ts';
import { finding, type Finding } from '../finding.ts';
import { count } from '../remedies.ts';

const FAMILIES: readonly Family[] = ['ipv4', 'ipv6'];
const UP = new Set(['active', 'verified', 'lingering', 'suspect', 'no free slot', 'conflict', 'failed']);

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
  // The daemon raises the limits before it adds its first endpoint, and they are not needed sooner.
  const willRaise =
    setting === 'auto'
      ? view.daemon === null
      : setting !== 'leave' && view.daemon === null && (setting.subflows ?? 0) >= now;
  if (now > limits.subflows && !willRaise) {
    const text = `One connection may have ${count(limits.subflows, 'extra subflow')}, and the uplinks that are up need ${now}: the others stay idle`;
    const remedy = [{ argv: ['ip', 'mptcp', 'limits', 'set', 'subflows', `${now}`] }];
    if (setting === 'auto') {
      const raised = view.state.raised.subflows;
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

/** The kernel counts announced addresses (net/mptcp/mib.h, AddAddr) even if it uses none, as at limit 0. */
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
 * The first subflow starts from one of the uplinks and does not count. For signal endpoints the peer opens the
 * subflows, one to each announced address except the one it connected to.
 */
function needed({ plan }: HostView, counts: (uplink: Uplink) => boolean): number {
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
