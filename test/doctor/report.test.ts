/** The file for a bug report: its mode, the files that it never overwrites, and its content. */
import { lstatSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { diagnose } from '../../src/doctor/diagnose.ts';
import { reportText, writeReport } from '../../src/doctor/report.ts';
import { facts, snapshot } from './facts.ts';

let folder = '';
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'multihomed-report-'))));
afterEach(() => rmSync(folder, { recursive: true }));

test('report: mode 0600 with any umask', () => {
  const before = process.umask(0);
  try {
    writeReport(join(folder, 'report'), 'text');
  } finally {
    process.umask(before);
  }
  expect(lstatSync(join(folder, 'report')).mode & 0o777).toBe(0o600);
});

test('report: no file is overwritten and no link is followed', () => {
  writeFileSync(join(folder, 'there'), 'mine');
  symlinkSync(join(folder, 'nowhere'), join(folder, 'link'));
  for (const name of ['there', 'link'])
    expect(() => writeReport(join(folder, name), 'text')).toThrow(
      expect.objectContaining({ code: 'EEXIST' }),
    );
  expect(readFileSync(join(folder, 'there'), 'utf8')).toBe('mine');
  expect(() => lstatSync(join(folder, 'nowhere'))).toThrow();
});

test('report: findings, but no public or hardware address, comment or host name', () => {
  const [first, ...rest] = snapshot().addresses;
  const addresses = [{ ...first!, address: '8.8.4.4' }, ...rest];
  const spoilt = facts({
    rules: `# the flat of ${hostname()}\nrules: { "eth*": subflow, enx02005e100001: subflow }`,
    snapshot: { addresses },
    view: { daemon: null },
  });
  const text = reportText(spoilt, diagnose(spoilt), {
    version: '1.2.3',
    words: new Map([['peer.example', 'PEER']]),
  });
  const report = JSON.parse(text) as Record<string, unknown>;
  expect(report).toMatchObject({
    versions: { multihomed: '1.2.3' },
    findings: expect.any(Array),
    leftOut: expect.any(Array),
    configuration: { limits: 'auto' },
    network: { limits: { subflows: 2 } },
  });
  for (const secret of ['8.8.4.4', '02:00:5e:10:00:01', '02005e100001', 'the flat'])
    expect(text).not.toContain(secret);
  if (hostname().length > 4) expect(text).not.toContain(`"${hostname()}"`);
  expect(text).toContain('10.2.0.2');
});
