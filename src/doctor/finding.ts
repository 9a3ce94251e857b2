/** What a check has to say. */
import { remedyText, type Remedy } from '../system/shell-quote.ts';

/** From best to worst. `note`: worth knowing, nothing to fix. */
const SEVERITIES = ['ok', 'note', 'warning', 'fault'] as const;
export type Severity = (typeof SEVERITIES)[number];

export interface Finding {
  readonly severity: Severity;
  /** Names the check, and what it looked at where there are several: `reverse-path:eth0`. */
  readonly id: string;
  /** One sentence. */
  readonly text: string;
  /** Fixes it now; null: no command can. */
  readonly remedy: Remedy | null;
  /** Keeps it fixed after a reboot, where the remedy alone does not; null: nothing more is needed, or no command can. */
  readonly lasting: Remedy | null;
}

/** As it is printed and reported. */
export interface FindingDocument {
  readonly severity: Severity;
  readonly id: string;
  readonly text: string;
  /** The remedy, quoted for a shell. */
  readonly command: string | null;
  readonly permanent: string | null;
}

export const finding = (
  severity: Severity,
  id: string,
  text: string,
  remedy: Remedy | null = null,
  lasting: Remedy | null = null,
): Finding => ({ severity, id, text, remedy, lasting });

export const findingDocument = ({ severity, id, text, remedy, lasting }: Finding): FindingDocument => ({
  severity,
  id,
  text,
  command: remedyText(remedy),
  permanent: remedyText(lasting),
});

export function worstOf(findings: readonly Pick<Finding, 'severity'>[]): Severity {
  const worst = Math.max(0, ...findings.map(({ severity }) => SEVERITIES.indexOf(severity)));
  return SEVERITIES[worst] ?? 'ok';
}
