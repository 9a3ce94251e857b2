/** Prints a summary of vitest's results, whose last line is for programs. */
import { readFileSync } from 'node:fs';

/**
 * Prints skipped and failed tests with the reasons. @returns the last line, whether anything failed, and the number
 * of skipped tests
 */
export function summary(runs, missing) {
  const total = { passed: 0, failed: 0, skipped: 0 };
  const skipped = [...missing];
  const failed = [];
  for (const { name, file } of runs) {
    const results = read(file);
    if (!results) {
      total.failed++;
      failed.push(`${name}: vitest left no results`);
      continue;
    }
    for (const suite of results.testResults) {
      const tests = suite.assertionResults;
      for (const { status, fullName, failureMessages, meta } of tests) {
        if (status === 'passed' || status === 'failed') total[status]++;
        if (status === 'failed')
          failed.push(`${name}: ${fullName}: ${failureMessages.map(brief).join('; ')}`);
        else if (status !== 'passed') {
          total.skipped++;
          skipped.push(`${name}: ${fullName}${meta?.why ? `: ${meta.why}` : ''}`);
        }
      }
      // A file that could not be loaded has no tests to count.
      if (suite.status === 'failed' && !tests.some(({ status }) => status === 'failed')) {
        total.failed++;
        failed.push(`${name}: ${suite.name}: ${brief(suite.message)}`);
      }
    }
  }
  if (skipped.length > 0) console.log(`\nSkipped:\n${skipped.map((each) => `  ${each}`).join('\n')}\n`);
  // Printed again at the end, where it is visible and is kept when the log is truncated.
  if (failed.length > 0) console.log(`\nFailed:\n${failed.map((each) => `  ${each}`).join('\n')}\n`);
  const line = `${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}`;
  return { line, broken: total.failed > 0, skipped: skipped.length };
}

/** Returns the message without the stack. */
function brief(message) {
  return message.split(/\n\s+at /u)[0].slice(0, 2_000);
}

function read(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return null;
  }
}
