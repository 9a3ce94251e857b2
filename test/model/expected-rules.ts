/** The policy rules that an uplink is expected to have. */
import { laterRules, decide, withoutMultihomed } from './decision.ts';
import type { Wanted } from './expected.ts';
import { mayHaveHalves } from './halves.ts';
import type { RuleFields } from './rules.ts';
import { bitsOf, networkOf, type ModelAddress, type State } from './state.ts';
import { takesAll, tunnelForm, withoutTunnel } from './tunnel.ts';

/** Returns the policy rules that an uplink needs. */
export function rulesOf(wanted: Wanted, state: State): RuleFields[] {
  const { address, table, ruled } = wanted;
  if (table === null) return [];
  const bypass = bypassOf(wanted, state);
  const from = sourceRule(address);
  const past = (start: number): RuleFields[] => {
    const at = bypass?.rule?.priority ?? Infinity;
    if (at > start) return [];
    const next = state.policyRules.find(
      ({ family, maker, priority }) => family === address.family && maker !== 'daemon' && priority > at,
    );
    return [{ ...from, action: 2, priority: at - 1, table: 0, goto: Math.min(start, next!.priority) }];
  };
  const bare = bypass ? withoutTunnel(state) : state;
  if (ruled) return past(decide(withoutMultihomed(bare), address)!.rule.priority);
  const { passed, plain } = laterRules(bare, address);
  const [first] = passed;
  // A passed packet continues at the host's first rule; past a tunnel, at its own.
  const next = Math.min(...[...passed, ...(bypass?.rule ? [] : plain)].map(({ priority }) => priority));
  const tables = new Set(plain.map(({ table }) => table));
  const shift = first ? 1 : 0;
  const rules: RuleFields[] = [
    ...(first
      ? [
          {
            ...{ ...from, action: 2, priority: 8680, table: 0, goto: next },
            ...{ destination: first.destination, destinationLength: first.destinationLength },
          },
        ]
      : []),
    ...(sharesSubnet(address, state)
      ? [
          { ...from, priority: 8680 + shift, table: 254, suppress: address.prefixLength },
          { ...from, priority: 8681 + shift, table, suppress: 0 },
        ]
      : []),
    ...[...tables, 254].map((each) => ({
      ...{ ...from, priority: 8682 + shift, table: each },
      suppress: each === 254 && (bypass?.split || !mayHaveHalves(state, address.family)) ? 1 : 0,
    })),
    { ...from, priority: 8684, table },
  ];
  return [...past(rules[0]!.priority!), ...rules];
}

/** The words that all of them have. */
const sourceRule = ({ family, address }: ModelAddress) => ({
  ...{ family, source: address, sourceLength: bitsOf(family), action: 1, protocol: 86 },
});

/** Returns the form of the full tunnel that an uplink bypasses; null: it bypasses none. */
const bypassOf = ({ address, rule }: Wanted, state: State): ReturnType<typeof tunnelForm> | null =>
  rule.tunnel === 'bypass' && address.family === 'ipv4' && takesAll(state) ? tunnelForm(state) : null;

/** Whether another link has the address's subnet, and not the address itself. */
function sharesSubnet({ family, address, prefixLength, ifindex }: ModelAddress, state: State): boolean {
  const subnet = networkOf(family, address, prefixLength);
  const elsewhere = state.addresses.filter((other) => other.ifindex !== ifindex);
  return (
    prefixLength < bitsOf(family) &&
    elsewhere.some(
      (other) =>
        other.prefixLength === prefixLength && networkOf(family, other.address, prefixLength) === subnet,
    ) &&
    !elsewhere.some((other) => other.address === address)
  );
}
