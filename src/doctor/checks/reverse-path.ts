/** Checks rp_filter (RFC 3704; ip-sysctl). The larger of `all` and the interface's own value applies. */
import { lookupKey } from '../../snapshot/snapshot.ts';
import type { Facts } from '../facts.ts';
import { finding, type Finding } from '../finding.ts';
import { setSysctl, withSysctl } from '../remedies.ts';

const LOOSE = 2;

export function checkReversePath({ view, sysctls }: Facts): Finding[] {
  if (!view) return [];
  const { snapshot } = view;
  return view.plan.selected
    .filter(({ rule }) => !rule.ignore && rule.families.includes('ipv4'))
    .flatMap(({ link, rule }): Finding[] => {
      const values = ['all', link.name].map((name) => sysctls.get(`ipv4.conf.${name}.rp_filter`));
      if (values.some((value) => value === undefined)) return [];
      const id = `reverse-path:${link.name}`;
      if (Math.max(...values.map(Number)) !== 1) return [];
      if (rule.routing === 'policy')
        return [
          finding(
            'ok',
            id,
            `Packets received on ${link.name} pass its strict reverse path filter, because its address has a policy rule.`,
          ),
        ];
      const best = snapshot.addresses.some((address) => {
        const egress = snapshot.lookups.get(lookupKey(link.index, address.address))?.unbound;
        return (
          address.ifindex === link.index && egress?.kind === 'leaves' && egress.ifindex[0] === link.index
        );
      });
      return [
        withSysctl(
          best ? 'note' : 'fault',
          id,
          best
            ? `The reverse path filter of ${link.name} is strict and its rule says "routing: main": packets received on it pass only while its default route is the best one.`
            : `The reverse path filter of ${link.name} is strict and its rule says "routing: main": packets received on it are dropped.`,
          setSysctl(['net', 'ipv4', 'conf', link.name, 'rp_filter'], LOOSE),
        ),
      ];
    });
}
