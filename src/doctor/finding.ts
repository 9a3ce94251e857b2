/** What a check has to say. */

/** From best to worst. `note`: worth knowing, nothing to mend. */
const SEVERITIES = ['ok', 'note', 'warning', 'fault'] as const;
export type Severity = (typeof SEVERITIES)[number];

export interface Finding {
  readonly severity: Severity;
  /** Names the check, and what it looked at where there are several: `reverse-path:eth0`. */
  readonly id: string;
  /** One sentence. */
  readonly text: string;
  /** Mends it when it is given to a shell as it stands; null: no command can. */
  readonly command: string | null;
}

export const finding = (
  severity: Severity,
  id: string,
  text: string,
  command: string | null = null,
): Finding => ({ severity, id, text, command });

export function worstOf(findings: readonly Finding[]): Severity {
  const worst = Math.max(0, ...findings.map(({ severity }) => SEVERITIES.indexOf(severity)));
  return SEVERITIES[worst] ?? 'ok';
}
