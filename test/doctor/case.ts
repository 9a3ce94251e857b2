/** A case: one fault of a host, and the expected finding. */
import { expect, test } from 'vitest';
import { diagnose } from '../../src/doctor/diagnose.ts';
import { findingDocument, type FindingDocument } from '../../src/doctor/finding.ts';
import { facts, type Spoilt } from './facts.ts';

export type Case = readonly [
  name: string,
  spoilt: Spoilt,
  id: string,
  severity: string,
  command: string | null,
];

/** Returns the findings for these facts. */
export const diagnosis = (spoilt: Spoilt = {}): FindingDocument[] =>
  diagnose(facts(spoilt)).map((each) => findingDocument(each));

export function holds(cases: readonly Case[]): void {
  test.each(cases)('%s', (_, spoilt, id, severity, command) => {
    const all = diagnosis(spoilt);
    const found = all.find((each) => each.id === id);
    expect(found, JSON.stringify(all)).toMatchObject({ severity, command });
    expect(found!.text).toMatch(/\.$/);
    expect(found!.text).not.toMatch(/undefined|null|NaN/);
  });
}
