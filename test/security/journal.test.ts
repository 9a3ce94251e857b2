/** A damaged journal of this boot and namespace does not stop the daemon. */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { Journal } from '../../src/actions/journal.ts';
import { HookDispatcher } from '../../src/hooks/dispatcher.ts';
import { readHookRecord, EMPTY_HOOK_RECORD } from '../../src/hooks/record.ts';
import type { HookRequest } from '../../src/hooks/runner.ts';
import { memoryLog } from '../hooks/memory-log.ts';
import type { Finished } from '../support/daemon.ts';
import { test } from '../support/lab.ts';

const link = { interface: 'gone0', ifindex: 99, rule: '*', reason: 'carrier', driver: null };
const uplink = {
  ...link,
  family: 'ipv4',
  address: '192.0.2.1',
  prefixLength: 24,
  gateway: null,
  endpointId: null,
  flags: [],
  port: null,
  table: null,
};
const notified = (uplinks: unknown, links: unknown = {}, closing: unknown = []): object => ({
  notified: { uplinks, links, closing },
});
const without = (key: string): object => ({ ...uplink, [key]: undefined });
const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`;

const RECORDS: readonly (readonly [string, object | string])[] = [
  ['an uplink without a gateway', notified({ '99/ipv4': without('gateway') })],
  ['an uplink whose gateway is an object', notified({ '99/ipv4': { ...uplink, gateway: { toString: 1 } } })],
  [
    'an uplink whose endpoint is no number',
    notified({ '99/ipv4': { ...uplink, endpointId: { toString: 1 } } }),
  ],
  ['an uplink without a table', notified({ '99/ipv4': without('table') })],
  ['a NUL in the interface', notified({}, { 99: { ...link, interface: 'a\0b' } })],
  ['a path as the name of an interface', notified({}, { 99: { ...link, interface: '../../etc/passwd' } })],
  ['an interface of 300,000 letters', notified({}, { 99: { ...link, interface: 'x'.repeat(300_000) } })],
  ['a driver that is an object', notified({}, { 99: { ...link, driver: { toJSON: 1 } } })],
  ['lists instead of records', notified([uplink], [link], ['0'])],
  [
    'names of built-in object properties as keys',
    `{"notified":{"uplinks":{"__proto__":${JSON.stringify(uplink)}},"links":{},"closing":["__proto__"]}}`,
  ],
  ['__proto__ as a key', '{"__proto__":{"paused":{}},"notified":{"__proto__":{"uplinks":{}}}}'],
  [
    'deep nesting in the record of hooks',
    JSON.stringify(notified({ '99/ipv4': { ...uplink, more: 7 } })).replace('7', deep),
  ],
  ['deep nesting in endpoints and limits', `{"endpoints":${deep},"raised":${deep},"lastId":${deep}}`],
  ['a million flags', notified({ '99/ipv4': { ...uplink, flags: Array<string>(1_000_000).fill('x') } })],
  [
    'impossible endpoints',
    {
      endpoints: [0, 256, -1, 1e300, null, '1'].map((id) => ({
        id,
        address: '::1',
        ifindex: 1,
        flags: 2,
        port: 0,
      })),
    },
  ],
  [
    'a foreign endpoint under another id',
    { endpoints: [{ id: 8, address: '192.168.50.1', ifindex: 0, flags: 1, port: 0 }] },
  ],
  [
    'a foreign endpoint with another device',
    { endpoints: [{ id: 9, address: '192.168.50.1', ifindex: 1, flags: 1, port: 0 }] },
  ],
  ['invalid limits', { raised: { subflows: { from: -1, before: 1e9, to: 'x' }, toString: 1 } }],
  ['nothing', ''],
  ['bytes that are not JSON', '\u0000\ufffd'],
];

const IDENTITY = { boot: 'b00t', namespace: '42' };

const written = (head: object, record: object | string): string =>
  typeof record === 'string'
    ? record.replace(/^\{/, `${JSON.stringify(head).slice(0, -1)},`)
    : JSON.stringify({ ...head, ...record });

test.for(RECORDS)('damaged journal: %s: read, passed to hooks and written again', async ([, record]) => {
  const folder = mkdtempSync(join(tmpdir(), 'multihomed-journal-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'journal.json');
  writeFileSync(path, written({ version: 1, ...IDENTITY }, record));
  const journal = new Journal(path, IDENTITY);
  const { state, notified } = journal.read();
  const { log, lines } = memoryLog();
  const requests: HookRequest[] = [];
  const hooks = new HookDispatcher({
    runner: {
      run: (request) => Promise.resolve((requests.push(request), [])),
      stop: () => Promise.resolve(),
    },
    settings: { timeout: 1, user: 'root', path: [] },
    log,
    record: readHookRecord(notified) ?? EMPTY_HOOK_RECORD,
    onRecord: (now) => journal.write(state, now),
  });
  hooks.wantUplinks(new Map());
  hooks.wantLinks(new Map());
  await hooks.idle();
  journal.write(state, readHookRecord(notified) ?? EMPTY_HOOK_RECORD);
  expect(lines).toEqual([]);
  for (const { environment } of requests)
    for (const value of Object.values(environment)) expect(value).toBeTypeOf('string');
  expect(state.paused).toBeNull();
});

test('damaged journal: the daemon starts, works and exits', async ({ lab }) => {
  const cable = lab.cable('eth0').connect();
  lab.host.ip('mptcp endpoint add 192.168.50.1 id 9 signal');
  const hooks = join(lab.folder, 'hooks');
  mkdirSync(hooks);
  writeFileSync(join(hooks, '10-hook'), '#!/bin/sh\ntrue\n');
  chmodSync(join(hooks, '10-hook'), 0o755);
  const rules = JSON.stringify({ rules: { 'eth*': 'subflow' }, hooks: { path: hooks } });
  const pass = (): Promise<Finished> => lab.prepare(rules, { args: ['--once'] }).finished();
  await pass();
  const head = JSON.parse(readFileSync(lab.host.journal(), 'utf8')) as object;
  for (const worst of [
    'an uplink without a gateway',
    'deep nesting in the record of hooks',
    'a foreign endpoint under another id',
  ]) {
    const record = RECORDS.find(([what]) => what === worst)![1];
    writeFileSync(lab.host.journal(), written(head, record));
    const { code, stderr } = await pass();
    expect([worst, code, /internal error|Error:|cannot be written/.exec(stderr)]).toEqual([worst, 0, null]);
    expect(lab.host.endpointTexts()).toEqual([`${cable.address()} eth0 subflow`, '192.168.50.1  signal']);
  }
});
