/** A host with two uplinks: the rule of eth0 comes before that of wwan0. */
import { PlanHost, rule } from './build.ts';

export const RULES = [rule('eth*'), rule('wwan*', { flags: ['subflow', 'backup'] })];

export const two = (): PlanHost =>
  new PlanHost()
    .link('eth0', 2)
    .address(2, '192.0.2.10/24')
    .default(2, '192.0.2.1')
    .link('wwan0', 3)
    .address(3, '10.0.0.5/24')
    .default(3, '10.0.0.1', { metric: 700 })
    .rules(RULES);

/** The host after all actions. */
export function settled(host = two()): PlanHost {
  host.settle();
  return host;
}

/** The actions that remove eth0's uplink, in their order. */
export const GONE = [
  'endpoint delete 192.0.2.10 dev eth0 subflow id 1',
  'policy-rule delete from 192.0.2.10 lookup main suppress_prefixlength 1 priority 8682',
  'policy-rule delete from 192.0.2.10 lookup 86840002 priority 8684',
  'route delete 192.0.2.0/24 dev eth0 table 86840002',
  'route delete default via 192.0.2.1 dev eth0 table 86840002',
];
