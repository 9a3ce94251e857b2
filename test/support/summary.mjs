/** What vitest's results say, for a person and for a program that reads the last line. */
import { readFileSync } from 'node:fs';

/** Prints what was skipped and why. @returns the closing line, and whether anything failed */
export function summary(runs, missing) {
  const total = { passed: 0, failed: 0, skipped: 0 };
  const skipped = [...missing];
  for (const { name, file } of runs) {
    const results = read(file);
    if (!results) {
      total.failed++;
      console.log(`${name}: vitest left no results`);
      continue;
    }
    for (const suite of results.testResults) {
      const tests = suite.assertionResults;
      for (const { status, fullName, meta } of tests) {
        if (status === 'passed' || status === 'failed') total[status]++;
        else {
          total.skipped++;
          skipped.push(`${name}: ${fullName}${meta?.why ? `: ${meta.why}` : ''}`);
        }
      }
      // A file that could not even be loaded has no tests to count.
      if (suite.status === 'failed' && !tests.some(({ status }) => status === 'failed')) total.failed++;
    }
  }
  if (skipped.length > 0) console.log(`\nSkipped:\n${skipped.map((each) => `  ${each}`).join('\n')}\n`);
  const line = `${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}`;
  return { line, broken: total.failed > 0 };
}

function read(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return null;
  }
}
