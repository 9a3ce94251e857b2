/** Reports uplinks that are not active, with the plan's reason and advice and a command that helps. */
import type { ExplainedUplink } from '../../messages/explain.ts';
import { misroutedText } from '../../messages/reason.ts';
import { foreignClaim } from '../../plan/assess.ts';
import type { Uplink, UplinkState } from '../../plan/uplink.ts';
import type { Facts, HostView } from '../facts.ts';
import { fileForRules } from '../../messages/nothing.ts';
import { finding, type Finding, type Fix, type Severity } from '../finding.ts';
import type { Remedy } from '../../system/shell-quote.ts';
import { restartRemedy, startRemedy } from '../../system/unit.ts';
import { counted } from '../../messages/count.ts';
import { setSysctl, withSysctl } from '../remedies.ts';
import { markCause } from './departure.ts';
import { guessGateway } from './gateway.ts';
import { leaveEndpoints, running } from './managers.ts';
import { renumber, rulesWith } from './policy-rules.ts';
import { hostRuleRemedy } from '../../plan/host-rule-remedy.ts';

const SEVERITY: Readonly<Record<UplinkState, Severity>> = {
  ignored: 'ok',
  active: 'ok',
  verified: 'ok',
  tentative: 'note',
  'no carrier': 'note',
  'no address': 'warning',
  'no default route': 'warning',
  lingering: 'warning',
  suspect: 'warning',
  'no free slot': 'warning',
  conflict: 'fault',
  failed: 'fault',
};

export function checkUplinks(facts: Facts): Finding[] {
  const { view, configuration, sysctls } = facts;
  if (!view) return [];
  const explained = view.explanations.flatMap((explanation) =>
    explanation.uplinks.map((uplink) => ({ ...uplink, interface: explanation.interface })),
  );
  const findings: Finding[] = [];
  for (const each of explained) {
    const planned = view.plan.uplinks.find(
      (uplink) => uplink.interface === each.interface && uplink.address === each.address,
    );
    const state = each.state as UplinkState;
    if (state === 'ignored' || state === 'verified') continue;
    const id = `uplink:${each.interface}${each.address ? `:${each.address}` : ''}`;
    const name = each.address ? `${each.interface} ${each.address}` : each.interface;
    if (state === 'active') {
      findings.push(activeFinding(id, name, each.address, view));
      continue;
    }
    const fix = fixOf(each, planned, view, facts);
    const advice = fix.remedy ? '' : each.advice ? `; ${each.advice}` : '';
    findings.push(
      finding(
        SEVERITY[state] ?? 'warning',
        id,
        `${name}: ${state}, ${each.reason}${fix.remark}${advice}.`,
        fix.remedy,
        fix.permanentRemedy ?? null,
      ),
    );
  }
  return [
    ...daemon(view),
    ...nothingSelected(view, configuration),
    ...disabledIpv6(view, sysctls),
    ...ignoredRouters(view, sysctls),
    ...findings,
  ];
}

const plain = (remedy: Remedy | null): Fix => ({ remedy, remark: '' });

function fixOf(
  { state, code, details, interface: name }: ExplainedUplink & { readonly interface: string },
  uplink: Uplink | undefined,
  view: HostView,
  facts: Facts,
): Fix {
  switch (code) {
    case 'link-down':
      return plain([{ argv: ['ip', 'link', 'set', 'dev', name, 'up'] }]);
    case 'no-default-route':
      return uplink ? guessGateway(uplink, view, facts.sysctls) : plain(null);
    case 'foreign-endpoint':
      return plain(foreignEndpointRemedy(uplink, view, facts));
    // Moving such a rule behind multihomed's would not help, because it would still decide.
    case 'host-rule-elsewhere':
    case 'host-rule-refuses':
      return plain(hostRuleFix(uplink, view));
    case 'policy-rule': {
      const remedies = rulesWith(details, view)
        .filter((rule) => rule.family === uplink?.family)
        .map((rule) => renumber(rule, view));
      const all = remedies.flatMap((each) => each ?? []);
      return plain(state !== 'conflict' || remedies.includes(null) || all.length === 0 ? null : all);
    }
    default:
      return plain(null);
  }
}

/**
 * NetworkManager comes first, because it could add the endpoint again. The last command makes the daemon read the
 * endpoints at once.
 */
function foreignEndpointRemedy(uplink: Uplink | undefined, view: HostView, facts: Facts): Remedy | null {
  const claim = uplink?.address ? foreignClaim(view.snapshot, view.state, uplink.address) : null;
  if (!claim) return null;
  return [
    ...(running(facts, 'NetworkManager') ? leaveEndpoints(facts) : []),
    { argv: ['multihomed', 'endpoint', 'delete', 'id', `${claim.id}`] },
  ];
}

function hostRuleFix(uplink: Uplink | undefined, view: HostView): Remedy | null {
  const candidate = view.plan.evaluations.find(
    ({ candidate: each }) =>
      each.address.address === uplink?.address && each.selected.link.index === uplink.ifindex,
  )?.candidate;
  const argv = candidate?.hostRule ? hostRuleRemedy(candidate, view.snapshot) : null;
  return argv && [{ argv }];
}

function daemon({ daemon: status, silent, systemd, plan }: HostView): Finding[] {
  const running = status?.daemon;
  if (running?.paused)
    return [
      finding(
        'warning',
        'daemon',
        `The daemon (pid ${running.pid}) is paused since "multihomed flush", so no uplink is used.`,
        [{ argv: ['multihomed', 'reload'] }],
      ),
    ];
  if (running) return [finding('ok', 'daemon', `The daemon is running (pid ${running.pid}).`)];
  if (silent)
    return [
      finding(
        'fault',
        'daemon',
        `The daemon (pid ${silent.pid ?? 'unknown'}) does not answer: it is stopped or hangs.`,
        restartRemedy(silent.pid, { systemd }),
      ),
    ];
  const waiting = plan.uplinks.filter(({ state, address }) => state !== 'ignored' && address !== null).length;
  const text = 'No daemon is running in this network namespace, so changes of the network have no effect.';
  return [
    finding(
      waiting > 0 ? 'warning' : 'note',
      'daemon',
      text,
      startRemedy({ systemd }),
      systemd ? [{ argv: ['systemctl', 'enable', 'multihomed'] }] : null,
    ),
  ];
}

function nothingSelected({ plan }: HostView, { loaded }: Facts['configuration']): Finding[] {
  // A configuration without any rule already has its own warning.
  if (!loaded || loaded.rules.length === 0 || plan.selected.some(({ rule }) => !rule.ignore)) return [];
  return [
    finding(
      'warning',
      'no-uplink',
      `No rule selects an interface of this host. "multihomed explain INTERFACE" shows why; add a rule to ${fileForRules(loaded.files)}.`,
    ),
  ];
}

/** ip-sysctl: an interface that forwards ignores router advertisements when accept_ra is 1. */
function ignoredRouters({ plan }: HostView, sysctls: Facts['sysctls']): Finding[] {
  return plan.selected
    .filter(({ rule }) => !rule.ignore && rule.families.includes('ipv6'))
    .filter(({ link }) =>
      ['forwarding', 'accept_ra'].every((key) => sysctls.get(`ipv6.conf.${link.name}.${key}`) === '1'),
    )
    .map(({ link }) =>
      withSysctl(
        'warning',
        `accept-ra:${link.name}`,
        `Router advertisements on ${link.name} are ignored, because this host forwards IPv6 and accept_ra is 1: its IPv6 address and default route are lost when they expire.`,
        setSysctl(['net', 'ipv6', 'conf', link.name, 'accept_ra'], 2),
      ),
    );
}

/** Reports selected interfaces on which IPv6 is disabled. */
function disabledIpv6({ plan }: HostView, sysctls: Facts['sysctls']): Finding[] {
  return plan.selected
    .filter(
      ({ rule, link }) =>
        !rule.ignore &&
        rule.families.includes('ipv6') &&
        sysctls.get(`ipv6.conf.${link.name}.disable_ipv6`) === '1',
    )
    .map(({ link }) =>
      withSysctl(
        'note',
        `ipv6:${link.name}`,
        `IPv6 is disabled on ${link.name}.`,
        setSysctl(['net', 'ipv6', 'conf', link.name, 'disable_ipv6'], 0),
      ),
    );
}

/**
 * Reports an active uplink as fine unless its joins fail or its packets are misrouted, which a firewall mark causes.
 */
function activeFinding(id: string, name: string, address: string | null, view: HostView): Finding {
  const uplink = view.daemon?.uplinks.find((each) => each.address === address);
  const { failed = 0, failing = 0, lastFailure = null } = uplink?.subflows ?? {};
  const joins =
    failing > 0 && lastFailure
      ? `${counted(failing, 'join')} failed since the last success: ${lastFailure.errno} (${failed} in total since it became active)`
      : null;
  const misrouted = uplink?.misrouted ? misroutedText(uplink.misrouted) : null;
  const evidence = [joins, misrouted].filter((each) => each !== null);
  if (evidence.length === 0) return finding('ok', id, `${name} is active.`);
  return finding('warning', id, `${name} is active, but ${evidence.join('; ')}.${markCause(view)}`);
}
