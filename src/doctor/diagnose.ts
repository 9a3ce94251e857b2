/** Runs all checks: takes the facts and returns the findings. */
import type { Facts } from './facts.ts';
import { finding, type Finding } from './finding.ts';
import { checkConfiguration } from './checks/configuration.ts';
import { checkConnections } from './checks/connection.ts';
import { checkCounters } from './checks/counters.ts';
import { checkDepartures } from './checks/departure.ts';
import { checkEndpoints } from './checks/endpoints.ts';
import { checkHooks } from './checks/hooks.ts';
import { checkKernel } from './checks/kernel.ts';
import { checkLimits } from './checks/limits.ts';
import { checkManagers } from './checks/managers.ts';
import { checkPolicyRules } from './checks/policy-rules.ts';
import { checkProbes } from './checks/probes.ts';
import { checkReversePath } from './checks/reverse-path.ts';
import { checkTunnel } from './checks/tunnel.ts';
import { checkUplinks } from './checks/uplinks.ts';

const CHECKS = [
  checkKernel,
  checkConfiguration,
  checkUplinks,
  checkLimits,
  checkReversePath,
  checkPolicyRules,
  checkEndpoints,
  checkManagers,
  checkTunnel,
  checkProbes,
  checkHooks,
  checkDepartures,
  checkConnections,
  checkCounters,
];

export function diagnose(facts: Facts): Finding[] {
  return [
    ...CHECKS.flatMap((check) => check(facts)),
    ...facts.unread.map((text, at) => finding('note', `unread:${at + 1}`, text)),
  ];
}
