/** Errors and warnings about the content of all files together. */
import { describe, expect, test } from 'vitest';
import { privateFolder } from './folder.ts';

const folder = privateFolder();

describe('the same glob twice', () => {
  test('is an error in one file', async () => {
    folder.put('etc/config.yaml', 'rules:\n  a: subflow\n  a: signal\n');
    expect(await folder.problems()).toEqual([
      'etc/config.yaml:3:3: found the glob "a" a second time, after line 2; expected each glob once',
    ]);
  });

  test('is an error in two drop-ins of the administrator, and both are named', async () => {
    folder.put('etc/rules.d/10.yaml', 'rules:\n  "a|b": subflow\n');
    folder.put('etc/rules.d/20.yaml', 'rules:\n  "a | b": signal\n');
    expect(await folder.problems()).toEqual([
      'etc/rules.d/20.yaml:2:3: found the glob "a | b" a second time, after etc/rules.d/10.yaml:2; expected each glob once',
    ]);
  });

  test('is no error for different drivers', async () => {
    folder.put('etc/rules.d/10.yaml', 'rules: {"*": {flags: subflow, driver: r8152}}');
    folder.put('etc/rules.d/20.yaml', 'rules: {"*": {flags: backup subflow, driver: "cdc_*"}}');
    expect(await folder.globs()).toEqual(['*', '*']);
  });

  test('is no error for different paths', async () => {
    folder.put('etc/rules.d/10.yaml', 'rules: {"*": {flags: subflow, match: {path: "pci-*-usb-0:1:*"}}}');
    folder.put('etc/rules.d/20.yaml', 'rules: {"*": {flags: subflow, match: {path: "pci-*-usb-0:2:*"}}}');
    expect(await folder.globs()).toEqual(['*', '*']);
  });

  test('in config.yaml overrides a drop-in', async () => {
    folder.put('etc/config.yaml', 'rules: {"wwan*": signal}');
    folder.put('usr/rules.d/50.yaml', 'rules: {"wwan*": subflow}');
    const { rules, warnings } = await folder.load();
    expect(rules[0]?.flags).toEqual(['signal']);
    expect(warnings).toEqual([]);
  });

  test('in a drop-in of /etc and a packaged one gives a warning', async () => {
    folder.put('usr/rules.d/50.yaml', 'rules: {"wwan*": subflow}');
    folder.put('etc/rules.d/60.yaml', 'rules: {"wwan*": signal}');
    expect((await folder.warnings()).join()).toMatch(
      /rule "wwan\*" in .*60.yaml:1 is hidden by that in .*50.yaml:1/,
    );
  });
});

test('health: a factor or margin out of range is an error', async () => {
  folder.put('etc/config.yaml', 'rules: {a: subflow}\nhealth: { rtt-factor: 1, margin: 5ms, detekt: true }');
  const errors = await folder.problems();
  expect(errors.join('\n')).toMatch(/a number from 2 to 100/);
  expect(errors.join('\n')).toMatch(/did you mean "detect"/);
  folder.put('etc/config.yaml', 'rules: {a: subflow}\nhealth: { margin: 5ms }');
  expect((await folder.problems()).join('\n')).toMatch(/a duration from 20ms to 60s/);
});

test('limits and hooks are only valid in config.yaml', async () => {
  folder.put('etc/rules.d/10.yaml', 'limits: auto\nhooks: {}\nrules: {a: subflow}');
  expect(await folder.problems()).toEqual([
    'etc/rules.d/10.yaml:1:1: found "limits" in a drop-in; expected it in config.yaml, the only file in which it is permitted',
    'etc/rules.d/10.yaml:2:1: found "hooks" in a drop-in; expected it in config.yaml, the only file in which it is permitted',
  ]);
});

test('all errors of all files are reported at once', async () => {
  folder.put('etc/config.yaml', 'rules:\n  a: sublfow\n  b: backup\nhook: 1\n');
  folder.put('etc/rules.d/10.yaml', 'rules:\n  c: {flags: signal fullmesh, prot: 1}\n');
  folder.put('usr/rules.d/20.yaml', 'rules: [');
  const places = (await folder.problems()).map((each) => each.split(':').slice(0, 3).join(':'));
  expect(places).toEqual([
    'etc/config.yaml:2:6',
    'etc/config.yaml:3:6',
    'etc/config.yaml:4:1',
    'etc/rules.d/10.yaml:2:14',
    'etc/rules.d/10.yaml:2:31',
    'usr/rules.d/20.yaml:1:9',
  ]);
});

test('every key of a configuration is read', async () => {
  folder.put(
    'etc/config.yaml',
    `rules:
  "docker*|veth*|virbr*": ignore
  "wwan*|usb*|enx*": subflow backup
  "wl*": subflow
  eth0: { flags: signal, port: 4433 }
  "enp*":
    flags: [subflow, fullmesh]
    families: [ipv4, ipv6]
    addresses: auto
    per-interface: 1
    routing: policy
    check-route: true
    driver: "cdc_*|qmi_wwan"
    table: auto
    link-local: false
limits: { subflows: 8, add-addr-accepted: 8 }
hooks: { timeout: 30s, user: root }
health: { detect: false, rtt-factor: 2.5, margin: 1s }
`,
  );
  const { rules, limits, hooks, health, warnings } = await folder.load();
  expect(rules.map(({ flags }) => flags.join(' '))).toEqual([
    '',
    'subflow backup',
    'subflow',
    'signal',
    'subflow fullmesh',
  ]);
  expect(limits).toEqual({ subflows: 8, addAddrAccepted: 8 });
  expect(hooks.timeout).toBe(30_000);
  expect(health).toEqual({ detect: false, rttFactor: 2.5, margin: 1_000, probe: null });
  expect(warnings).toEqual([]);
});

test('table: a glob or two rules with the same table are an error', async () => {
  folder.put(
    'etc/config.yaml',
    'rules: {"a*": {flags: subflow, table: 7}, b: {flags: subflow, table: 8}, c: {flags: signal, table: 8}, d: {flags: subflow, table: 9}}',
  );
  expect(await folder.warnings()).toEqual([
    expect.stringMatching(/^table 7 in .*:1 can serve one interface only, and "a\*" may match more$/),
    expect.stringMatching(/^table 8 of the rule "b" .* is that of "c" too$/),
    expect.stringMatching(/^table 8 of the rule "c" .* is that of "b" too$/),
  ]);
});

describe('health: { probe }', () => {
  const load = (probe: string) => {
    folder.put('etc/config.yaml', `rules: {a: subflow}\nhealth:\n  probe: ${probe}\n`);
  };

  test('targets, times and counts are read', async () => {
    load(
      '{ track: [192.0.2.1, "tcp://[2001:db8::1]:443", "http://192.0.2.1/a?b"], interval: 2s, timeout: 1s }',
    );
    const { health } = await folder.load();
    expect(health.probe).toMatchObject({ interval: 2_000, timeout: 1_000, up: 3, down: 3 });
    expect(health.probe?.track).toMatchObject([
      { method: 'icmp', family: 'ipv4', address: '192.0.2.1', port: 0, path: '/' },
      { method: 'tcp', family: 'ipv6', address: '2001:db8::1', port: 443, path: '/' },
      { method: 'http', family: 'ipv4', address: '192.0.2.1', port: 80, path: '/a?b' },
    ]);
    load('{ track: 192.0.2.1 }');
    expect((await folder.load()).health.probe).toMatchObject({ interval: 10_000, timeout: 4_000 });
  });

  test.each([
    ['{ track: example.org }', /3:19: found "example.org"; expected an address .*names are not resolved/],
    ['{ track: [192.0.2.1, "tcp://192.0.2.1"] }', /found "tcp:\/\/192.0.2.1"; expected an address/],
    ['{ track: ["https://192.0.2.1/"] }', /found "https:\/\/192.0.2.1\/"; expected an address/],
    ['{ track: [] }', /found an empty list; expected one target or a list of 1 to 16/],
    ['{ interval: 5s }', /found no "track"; expected one target/],
    ['{ track: 192.0.2.1, interval: 500ms }', /found "500ms"; expected a duration from 1s to 24h/],
    ['{ track: 192.0.2.1, timeout: 50ms }', /found "50ms"; expected a duration from 100ms to 60s/],
    [
      '{ track: 192.0.2.1, interval: 2s, timeout: 3s }',
      /found "3s"; expected at most the interval, which is 2s/,
    ],
    ['{ track: 192.0.2.1, up: 0 }', /found "0"; expected a number from 1 to 100/],
    ['{ track: 192.0.2.1, intervall: 5s }', /unknown key "intervall"; .*did you mean "interval"/],
  ])('%s is an error', async (probe, message) => {
    load(probe);
    const problems = await folder.problems();
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(message);
  });
});
