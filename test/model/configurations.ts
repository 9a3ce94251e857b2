/** The configurations that histories load. */
import type { Configuration, Rule } from '../../src/rules/rule.ts';

export function rule(glob: string, words: Partial<Rule> = {}): Rule {
  return {
    glob,
    origin: { file: 'test', line: 1, column: 1 },
    ignore: false,
    flags: ['subflow'],
    port: null,
    families: ['ipv4', 'ipv6'],
    addresses: 'auto',
    perInterface: 1,
    routing: 'policy',
    checkRoute: true,
    driver: null,
    macAddress: null,
    path: null,
    table: null,
    linkLocal: false,
    tunnel: 'respect',
    ...words,
  };
}

export function configuration(
  rules: readonly Rule[],
  limits: Configuration['limits'] = 'auto',
): Configuration {
  return {
    rules,
    limits,
    health: { detect: false, rttFactor: 3, margin: 50, probe: null },
    hooks: { timeout: 1000, user: 'root', path: [] },
    files: [],
    warnings: [],
  };
}

export const CONFIGURATIONS: readonly Configuration[] = [
  configuration([rule('wwan*', { flags: ['subflow', 'backup'] }), rule('eth*')]),
  configuration([
    rule('eth0', { flags: ['signal'], port: 4433 }),
    rule('eth*', { perInterface: Infinity }),
    rule('wwan*', { perInterface: Infinity }),
  ]),
  configuration(
    [rule('eth1', { ignore: true }), rule('eth*', { flags: ['subflow', 'fullmesh'] }), rule('wwan*')],
    'leave',
  ),
  configuration([rule('eth*', { perInterface: 2, addresses: 'all' }), rule('wwan*', { routing: 'main' })], {
    subflows: 5,
    addAddrAccepted: null,
  }),
  configuration(
    ['eth*', 'wwan*'].map((glob) =>
      rule(glob, {
        families: ['ipv6', 'ipv4'],
        flags: ['signal', 'subflow'],
        perInterface: Infinity,
        addresses: 'all',
      }),
    ),
  ),
  configuration([
    rule('eth0', { flags: ['subflow', 'laminar'], table: 500 }),
    rule('eth*', { addresses: 'stable', flags: ['subflow', 'laminar'] }),
    rule('wwan*', { addresses: 'temporary', perInterface: 2 }),
  ]),
  configuration([rule('wwan*', { checkRoute: false }), rule('eth*', { families: ['ipv4'] })]),
];

/** Bits of `bypass`: which rules of a configuration bypass full tunnels, by the beginning of their globs. */
const BYPASSING = ['eth', 'wwan'];

/** Returns a configuration with `tunnel: bypass` in some of its rules. */
export function configurationOf({ configuration: nth, bypass = 0 }: ConfigurationChoice): Configuration {
  const chosen = CONFIGURATIONS[nth]!;
  const bypasses = ({ glob }: Rule): boolean =>
    BYPASSING.some((beginning, bit) => bypass & (1 << bit) && glob.startsWith(beginning));
  return {
    ...chosen,
    rules: chosen.rules.map((each) => (bypasses(each) ? { ...each, tunnel: 'bypass' } : each)),
  };
}

export interface ConfigurationChoice {
  /** Position in CONFIGURATIONS. */
  readonly configuration: number;
  readonly bypass?: number;
}
