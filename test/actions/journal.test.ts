/** The journal after a crash. A journal of another boot or namespace, or a damaged one, owns nothing. */
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Journal } from '../../src/actions/journal.ts';
import { EMPTY_STATE, type State } from '../../src/actions/state.ts';

const IDENTITY = { boot: 'b00t', namespace: '42' };
const MEMORY: State = {
  ...EMPTY_STATE,
  owned: new Map([[3, { id: 3, address: '192.0.2.10', ifindex: 2, flags: 2, port: 0 }]]),
  lastId: 3,
  raised: { subflows: { from: 2, before: 2, to: 8 } },
  unknownFlags: 32,
  paused: { files: 'config.yaml 1 2 3' },
};

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'multihomed-journal-'));
  path = join(folder, 'journal.json');
});
afterEach(() => rmSync(folder, { recursive: true }));

const journal = (identity = IDENTITY): Journal => new Journal(path, identity);
const EMPTY = { state: EMPTY_STATE, notified: null };

describe('the journal', () => {
  test('reads what it wrote', () => {
    journal().write(MEMORY, { uplinks: {} });
    expect(journal().read()).toEqual({ state: MEMORY, notified: { uplinks: {} } });
  });

  test('of an earlier version is read with its names of keys', () => {
    const limit = { from: 2, before: 2, to: 8, granted: true };
    const earlier = { subflows: { ...limit, returning: true }, addAddrAccepted: { ...limit, theirs: true } };
    const rest = { lastId: 3, endpoints: [], raised: earlier, unknownFlags: 0 };
    const uplinks = { '2/ipv4': {} };
    writeFileSync(
      path,
      JSON.stringify({ version: 1, ...IDENTITY, ...rest, told: { uplinks }, resting: true }),
    );
    const { state, notified } = journal().read();
    expect(notified).toEqual({ uplinks });
    expect(state.paused).toEqual({ files: null });
    expect(state.raised).toEqual({
      subflows: { ...limit, restoring: true },
      addAddrAccepted: { ...limit, foreign: true },
    });
    journal().write(state, notified);
    expect(readFileSync(path, 'utf8')).not.toMatch(/told|resting|returning|theirs/);
    expect(journal().read()).toEqual({ state, notified });
  });

  test('is empty before the first write', () => {
    expect(journal().read()).toEqual(EMPTY);
  });

  test.each([
    ['boot', { ...IDENTITY, boot: 'other' }],
    ['namespace', { ...IDENTITY, namespace: '43' }],
  ])('of another %s owns nothing', (_, identity) => {
    journal().write(MEMORY, null);
    expect(journal(identity).read()).toEqual(EMPTY);
  });

  test('is replaced atomically, with mode 0644', () => {
    const one = journal();
    one.write(MEMORY, null);
    const { ino } = statSync(path);
    one.write({ ...MEMORY, lastId: 4 }, null);
    expect(statSync(path).ino).not.toBe(ino);
    expect(statSync(path).mode & 0o777).toBe(0o644);
    expect(readdirSync(folder)).toEqual(['journal.json']);
  });

  test('is not written again without a change', () => {
    const one = journal();
    one.write(MEMORY, null);
    const { ino } = statSync(path);
    one.write({ ...MEMORY }, null);
    expect(statSync(path).ino).toBe(ino);
  });

  test('does not write through a link or over a left-over file', () => {
    const other = join(folder, 'other');
    writeFileSync(other, 'untouched');
    symlinkSync(other, `${path}.new`);
    journal().write(MEMORY, null);
    expect(readFileSync(other, 'utf8')).toBe('untouched');
    expect(journal().read().state).toEqual(MEMORY);
  });

  test('truncated at any byte owns nothing or what it had', () => {
    journal().write(MEMORY, null);
    const whole = readFileSync(path);
    for (let length = 0; length < whole.length - 1; length++) {
      writeFileSync(path, whole.subarray(0, length));
      expect(journal().read()).toEqual(EMPTY);
    }
  });

  test.each([
    { id: 0 },
    { id: 256 },
    { id: 1.5 },
    { id: '3' },
    { address: 7 },
    { ifindex: -1 },
    { flags: null },
    { port: [] },
  ])('ignores an endpoint with %j', (wrong) => {
    journal().write(MEMORY, null);
    const record = JSON.parse(readFileSync(path, 'utf8')) as { endpoints: object[] };
    record.endpoints = [{ ...record.endpoints[0], ...wrong }, null as unknown as object];
    writeFileSync(path, JSON.stringify(record));
    expect(journal().read().state.owned.size).toBe(0);
  });

  test('property: any content is read without an exception', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), fc.jsonValue(), (endpoints, raised, lastId) => {
        writeFileSync(path, JSON.stringify({ version: 1, ...IDENTITY, endpoints, raised, lastId }));
        const { state } = journal().read();
        for (const [id, endpoint] of state.owned) expect(id).toBe(endpoint.id);
        expect(state.lastId).toBeGreaterThanOrEqual(0);
      }),
      { numRuns: 300 },
    );
  });
});
