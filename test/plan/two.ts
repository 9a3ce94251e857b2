/** A host with two uplinks: eth0 first by its rule, wwan0 behind it. */
import { Host, rule } from './build.ts';

export const RULES = [rule('eth*'), rule('wwan*', { flags: ['subflow', 'backup'] })];

export const two = (): Host =>
  new Host()
    .link('eth0', 2)
    .address(2, '192.0.2.10/24')
    .default(2, '192.0.2.1')
    .link('wwan0', 3)
    .address(3, '10.0.0.5/24')
    .default(3, '10.0.0.1', { metric: 700 })
    .rules(RULES);

/** The host after all actions. */
export function settled(host = two()): Host {
  host.settle();
  return host;
}
