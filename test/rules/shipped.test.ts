/** The rules and examples that are shipped in rules/ are valid and match what they are for. */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { isValid, loadConfiguration } from '../../src/rules/load.ts';
import { matchRule } from '../../src/rules/match.ts';
import type { Configuration } from '../../src/rules/rule.ts';

const shipped = new URL('../../rules/', import.meta.url).pathname;
let usr: string;
let configuration: Configuration;
beforeAll(async () => {
  process.umask(0o022);
  usr = mkdtempSync('/tmp/multihomed-shipped-');
  cpSync(shipped, `${usr}/rules.d`, { recursive: true });
  const answer = await loadConfiguration({ etc: `${usr}/none`, usr });
  if (!isValid(answer)) throw new Error(JSON.stringify(answer.errors));
  configuration = answer;
});
afterAll(() => {
  rmSync(usr, { recursive: true, force: true });
});

test('all shipped files except the examples are read without a warning', () => {
  expect(configuration.files.map((file) => file.slice(`${usr}/rules.d/`.length))).toEqual(
    readdirSync(shipped)
      .filter((name) => name.endsWith('.yaml'))
      .sort(),
  );
  expect(configuration.warnings).toEqual([]);
});

test.each(readdirSync(`${shipped}examples`))('the example %s is valid', async (name) => {
  const answer = await loadConfiguration({ config: `${usr}/rules.d/examples/${name}` });
  expect(isValid(answer) ? answer.warnings : answer.errors).toEqual([]);
});

test.each([
  ['wwan0', null, 'subflow backup'],
  ['wwp0s20u4', 'qmi_wwan', 'subflow backup'],
  ['usb0', 'rndis_host', 'subflow backup'],
  ['enx0a1b2c3d4e5f', 'cdc_ncm', 'subflow backup'],
  ['eth1', 'ipheth', 'subflow backup'],
  ['bnep0', null, 'subflow backup'],
  ['enx0a1b2c3d4e5f', 'r8152', 'subflow'],
  ['eth0', null, 'subflow'],
  ['enp1s0', 'e1000e', 'subflow'],
  ['wlp2s0', 'iwlwifi', 'subflow'],
  ['docker0', null, 'ignore'],
  ['veth12ab', 'veth', 'ignore'],
  ['br-0123456789ab', null, 'ignore'],
  ['virbr0', null, 'ignore'],
  ['wg0', null, 'ignore'],
  ['tun0', null, 'ignore'],
  ['tailscale0', null, 'ignore'],
  ['ppp0', null, null],
  ['br0', null, null],
  ['lo', null, null],
])('%s with driver %s: %s', (name, driver, flags) => {
  const { rule } = matchRule(configuration.rules, { name, altnames: [], driver });
  expect(rule === null ? null : rule.ignore ? 'ignore' : rule.flags.join(' ')).toBe(flags);
});

test('the DHCP hook has the same drivers as the rule for modems', () => {
  const rule = parse(readFileSync(`${shipped}50-modem.yaml`, 'utf8')) as {
    rules: { '*': { driver: string } };
  };
  const hook = readFileSync(new URL('../../hooks/60-dhcp-modem', import.meta.url), 'utf8');
  const [, drivers = ''] = /^drivers='([^']*)'$/m.exec(hook) ?? [];
  expect(drivers.split(/\s+/)).toEqual(rule.rules['*'].driver.split(/[|\s]+/));
});
