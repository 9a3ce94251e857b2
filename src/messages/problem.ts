/** Problems of the host in words, and the command against each. */
import type { HostProblem } from '../plan/problem.ts';
import { remedyText, type Remedy } from '../system/shell-quote.ts';
import { reasonText } from './reason.ts';

/** All codes of problems. */
export const PROBLEM_CODES = [
  'mptcp-disabled',
  'userspace-path-manager',
  'limit-too-high',
  'configuration',
] as const satisfies readonly HostProblem['code'][];

/** @returns null: no command solves it */
export function problemRemedy(problem: HostProblem): Remedy | null {
  switch (problem.code) {
    case 'mptcp-disabled':
      return [{ argv: ['sysctl', '-w', 'net.mptcp.enabled=1'] }];
    case 'userspace-path-manager':
      return [{ argv: ['sysctl', '-w', `net.mptcp.${problem.sysctl}=${problem.kernel}`] }];
    default:
      return null;
  }
}

/** One line, with the command that solves it. */
export function problemText(problem: HostProblem): string {
  const command = remedyText(problemRemedy(problem));
  return `${problemClause(problem)}${command === null ? '' : `; to solve it: ${command}`}`;
}

/** One clause, without a command. */
export function problemClause(problem: HostProblem): string {
  switch (problem.code) {
    case 'limit-too-high': {
      const { limit, wanted, maximum } = problem;
      return `limits: ${limit} is ${wanted}, but this kernel accepts at most ${maximum}, which is used instead`;
    }
    case 'configuration':
      return `the configuration has errors; the previous one remains in use: ${problem.errors}`;
    default:
      return reasonText(problem);
  }
}
