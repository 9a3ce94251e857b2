/** Which rule applies to an interface, and why the earlier ones do not: values only. */
import { describe, expect, test } from 'vitest';
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
  'main',
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

test('an interface that matches no rule is left alone', () => {
  expect(match('wlan0').glob).toBeNull();
  expect(matchRule([], { name: 'a', altnames: [], driver: null })).toEqual({ rule: null, tried: [] });
});

test('an altname matches like the name', () => {
  expect(match('eth0', null, 'enp0s1', 'lan').glob).toBe('lan');
});

test('tried: why the earlier rules did not match', () => {
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

describe('match', () => {
  const PATHS = validateFile(
    {
      file: 'f',
      text: `rules:
  "*": { flags: signal, match: { path: "pci-*-usb-0:2:*" } }
  "ww*": { flags: subflow, match: { driver: "cdc_*|qmi_wwan", mac-address: "0C:5B:8F:*" } }
`,
    },
    'main',
  );

  const matched = (path: string | null, hardware: string, driver: string | null) => {
    const { rule, tried } = matchRule(PATHS.rules, { name: 'wwan0', altnames: [], driver, hardware, path });
    return [rule?.flags[0], ...tried.map(({ why }) => why)];
  };

  test('path distinguishes two identical modems', () => {
    expect(PATHS.problems).toEqual([]);
    const [left, right] = ['pci-0000:00:14.0-usb-0:1:1.0', 'pci-0000:00:14.0-usb-0:2:1.0'];
    expect(matched(right, '0c:5b:8f:00:00:01', 'qmi_wwan')).toEqual(['signal']);
    expect(matched(left, '0c:5b:8f:00:00:01', 'qmi_wwan')).toEqual([
      'subflow',
      `the path is ${left}, not pci-*-usb-0:2:*`,
    ]);
  });

  test('requires every named property, and names the missing one', () => {
    expect(matched(null, '02:00:00:00:00:01', 'cdc_ether')).toEqual([
      undefined,
      'it has no path, and the rule wants pci-*-usb-0:2:*',
      'the MAC address is 02:00:00:00:00:01, not 0c:5b:8f:*',
    ]);
    expect(matched(null, '', 'cdc_ether')[2]).toBe('it has no MAC address, and the rule wants 0c:5b:8f:*');
    expect(matched(null, '0c:5b:8f:00:00:01', null)[2]).toBe(
      'it has no driver, and the rule wants cdc_*|qmi_wwan',
    );
  });
});
