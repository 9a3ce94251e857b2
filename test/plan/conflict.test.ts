/**
 * Objects that other programs keep removing: they are still restored, and reported as a conflict with the setting that
 * ends it.
 */
import { describe, expect, test } from 'vitest';
import { endpointObject, policyRuleObject, routeObject } from '../../src/actions/action.ts';
import { explain } from '../../src/messages/explain.ts';
import { sourceOf, PlanHost } from './build.ts';
import { settled } from './two.ts';

const contested = (host: PlanHost, ...objects: string[]): PlanHost => {
  host.state = { ...host.state, contested: new Set(objects) };
  return host;
};

const ethRouting = (host: PlanHost) =>
  host.look().evaluations.find((entry) => entry.candidate.selected.link.name === 'eth0')!.routing!;

describe('objects that another program keeps removing', () => {
  test('policy rules: conflict, with the setting of networkd', () => {
    const host = settled();
    contested(host, ...ethRouting(host).policyRules.map(policyRuleObject));
    expect(host.states).toEqual(['eth0 192.0.2.10: conflict', 'wwan0 10.0.0.5: active']);
    expect(host.reason('192.0.2.10')).toBe(
      'another program keeps removing its policy rules; if that is systemd-networkd, ' +
        'set ManageForeignRoutingPolicyRules=no and ManageForeignRoutes=no in networkd.conf',
    );
  });

  test('routes and policy rules: the reason names both', () => {
    const host = settled();
    const { routes, policyRules } = ethRouting(host);
    contested(host, routeObject(routes[0]!), policyRuleObject(policyRules[0]!));
    expect(host.reason('192.0.2.10')).toMatch(
      /^another program keeps removing its routes and policy rules; /,
    );
  });

  test('endpoint: conflict, with the settings of NetworkManager and mptcpd', () => {
    const host = contested(settled(), endpointObject({ address: '192.0.2.10', ifindex: 2 }));
    expect(host.reason('192.0.2.10')).toMatch(
      /^another program keeps removing its endpoint; .*connection\.mptcp-flags=1.*disable --now mptcp\.service/,
    );
  });

  test('nothing else is removed, and missing objects are planned', () => {
    const host = settled();
    contested(host, ...ethRouting(host).policyRules.map(policyRuleObject));
    expect(host.pass()).toEqual([]);
    host.policyRules = host.policyRules.filter((each) => each.source !== '192.0.2.10');
    expect(host.states[0]).toBe('eth0 192.0.2.10: conflict');
    expect(host.pass()).toEqual([
      'policy-rule add from 192.0.2.10 lookup main suppress_prefixlength 1 priority 8682',
      'policy-rule add from 192.0.2.10 lookup 86840002 priority 8684',
    ]);
    expect(host.endpoints.map((each) => each.id)).toEqual([1, 2]);
  });

  test('the uplink does not count as a path: the last other endpoint lingers', () => {
    const host = settled();
    contested(host, ...ethRouting(host).policyRules.map(policyRuleObject));
    host.withoutDefault(3);
    expect(host.settle().flat()).toEqual([]);
    expect(host.states).toEqual(['eth0 192.0.2.10: conflict', 'wwan0 10.0.0.5: lingering']);
  });

  test('if the link is down, the reason names the link', () => {
    const host = settled();
    contested(host, ...ethRouting(host).policyRules.map(policyRuleObject));
    host.turn(2, 'no carrier');
    expect(host.states).toContain('eth0 192.0.2.10: no carrier');
  });

  test('explain advises multihomed doctor', () => {
    const host = settled();
    contested(host, ...ethRouting(host).policyRules.map(policyRuleObject));
    const explained = explain('eth0', sourceOf(host))!;
    expect(explained.uplinks[0]).toMatchObject({
      state: 'conflict',
      advice: '"multihomed doctor" looks for programs that may do this',
    });
  });
});
