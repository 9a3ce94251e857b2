import { expect, test } from 'vitest';
import { matchRule } from '../../src/rules/match.ts';
import { validateFile } from '../../src/rules/validate.ts';

const { rules } = validateFile(
  {
    file: 'f',
    text: `rules:
  "docker*|veth*": ignore
  lan: signal
  "*": { flags: subflow backup, driver: "cdc_*|qmi_wwan" }
  "eth*": subflow
`,
  },
  false,
);

function match(name: string, driver: string | null = null, ...altnames: string[]) {
  const { rule, tried } = matchRule(rules, { name, altnames, driver });
  return { glob: rule?.glob ?? null, why: tried.map(({ why }) => why) };
}

test('the first rule that matches decides', () => {
  expect(match('docker0').glob).toBe('docker*|veth*');
  expect(match('eth0', 'cdc_ether').glob).toBe('*');
  expect(match('eth0', 'r8152').glob).toBe('eth*');
});

test('what matches nothing is left alone', () => {
  expect(match('wlan0').glob).toBeNull();
  expect(matchRule([], { name: 'a', altnames: [], driver: null })).toEqual({ rule: null, tried: [] });
});

test('an altname matches as the name does', () => {
  expect(match('eth0', null, 'enp0s1', 'lan').glob).toBe('lan');
});

test('why the rules above did not match', () => {
  expect(match('eth0', 'r8152').why).toEqual([
    'the name eth0 does not match "docker*|veth*"',
    'the name eth0 does not match "lan"',
    'the driver is r8152, not cdc_*|qmi_wwan',
  ]);
  expect(match('eth0', null, 'a', 'b').why).toEqual([
    'neither the name eth0 nor the altname a or b matches "docker*|veth*"',
    'neither the name eth0 nor the altname a or b matches "lan"',
    'it has no driver, and the rule wants cdc_*|qmi_wwan',
  ]);
});
