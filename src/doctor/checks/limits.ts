/** Checks that the kernel's limits let every selected uplink carry a subflow of one connection. */
import { FAMILIES, type Family } from '../../netlink/ip.ts';
import type { Uplink } from '../../plan/uplink.ts';
import type { Configuration, EndpointFlag } from '../../rules/rule.ts';
import { replaceScalar } from '../edit.ts';
import type { Facts, HostView } from '../facts.ts';
import { finding, type Finding } from '../finding.ts';
import { counted } from '../../messages/count.ts';
import type { Remedy } from '../../system/shell-quote.ts';

type LimitSetting = Configuration['limits'];

const UP = new Set(['active', 'verified', 'lingering', 'suspect', 'no free slot', 'conflict', 'failed']);

export function checkLimits(facts: Facts): Finding[] {
  const { view, configuration, counters } = facts;
  if (!view || !configuration.loaded) return [];
  const setting = configuration.loaded.limits;
  const { subflows, addAddrAccepted } = view.snapshot.limits;
  const now = needed(view, ({ state }) => UP.has(state));
  if (now > subflows && !willRaise(setting, view, now)) return [tooLow(facts, view, setting, now)];
  const could = Math.max(
    now,
    needed(view, ({ state }) => state !== 'ignored'),
  );
  const found =
    could > subflows && setting !== 'auto'
      ? finding(
          'note',
          'limits',
          `The limit is ${counted(subflows, 'extra subflow')} for one connection; with every uplink of the rules up, ${could} would be needed.`,
        )
      : finding(
          'ok',
          'limits',
          `The limits are high enough: ${counted(now, 'extra subflow')} needed now, ${subflows} allowed.`,
        );
  return [found, ...announced(counters, addAddrAccepted)];
}

/** Without a daemon the limits may be low: the next one raises them before it adds its first endpoint. */
function willRaise(setting: LimitSetting, { daemon }: HostView, wanted: number): boolean {
  if (daemon !== null || setting === 'leave') return false;
  return setting === 'auto' || (setting.subflows ?? 0) >= wanted;
}

/** `wanted`: extra subflows that the uplinks that are up need. */
function tooLow(
  { configuration }: Facts,
  { snapshot, state }: HostView,
  setting: LimitSetting,
  wanted: number,
): Finding {
  const { subflows } = snapshot.limits;
  const text = `The limit is ${counted(subflows, 'extra subflow')} for one connection, and the uplinks that are up need ${wanted}: the others are not used`;
  const fault = (why: string, remedy: Remedy | null = null): Finding =>
    finding('fault', 'limits', `${text}; ${why}.`, remedy);
  const raise = [{ argv: ['ip', 'mptcp', 'limits', 'set', 'subflows', `${wanted}`] }];
  if (setting === 'leave' || (setting !== 'auto' && setting.subflows === null))
    return fault(
      'the configuration leaves limits alone ("limits: auto" would raise it at every boot)',
      raise,
    );
  if (setting !== 'auto')
    return fault(
      `the configuration says "subflows: ${setting.subflows}"`,
      replaceScalar(
        configuration.texts,
        configuration.loaded?.files ?? [],
        ['limits', 'subflows'],
        `${wanted}`,
      ),
    );
  const { subflows: raised } = state.raised;
  return raised?.to === subflows && raised.foreign !== true
    ? fault(`this kernel accepts no limit above ${subflows}`)
    : fault('an administrator or another program set this limit, and the daemon does not change it', raise);
}

/**
 * The kernel counts announced addresses (net/mptcp/mib.c, AddAddr) even if it uses none, as at limit 0. A connection of
 * this host to itself, such as doctor's own over loopback, counts those of this host, as sent (AddAddrTx) and received.
 */
function announced(counters: Facts['counters'], accepted: number): Finding[] {
  const came = (counters?.get('AddAddr') ?? 0) - (counters?.get('AddAddrTx') ?? 0);
  if (came <= 0 || accepted > 0) return [];
  return [
    finding(
      'note',
      'limits-announced',
      `Peers have announced ${counted(came, 'address')}, and none was used, because add_addr_accepted is 0. With "limits: { add-addr-accepted: 8 }" in config.yaml they are used; peers can then make this host connect to any address, 127.0.0.1 and private networks included.`,
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
