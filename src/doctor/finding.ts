/** The result of a check. */
import { remedyText, type Remedy } from '../system/shell-quote.ts';

/** From best to worst. `note`: worth knowing, but nothing to fix. */
const SEVERITIES = ['ok', 'note', 'warning', 'fault'] as const;
export type Severity = (typeof SEVERITIES)[number];

export interface Finding {
  readonly severity: Severity;
  /** Names the check, and its subject when there are several: `reverse-path:eth0`. */
  readonly id: string;
  /** One sentence. */
  readonly text: string;
  /** The commands that fix it now; null when no command can. */
  readonly remedy: Remedy | null;
  /** The commands that keep it fixed after a reboot; null when `remedy` is enough, or no command can. */
  readonly permanentRemedy: Remedy | null;
}

/** A finding, printed as text or JSON and put in the report. */
export interface FindingDocument {
  readonly severity: Severity;
  readonly id: string;
  /** The check. */
  readonly code: string;
  /** The object of the finding, such as an uplink; null: the host. */
  readonly subject: string | null;
  readonly text: string;
  /** The remedy, quoted for a shell. */
  readonly command: string | null;
  readonly remedy: Remedy | null;
  /** The permanent remedy, quoted for a shell. */
  readonly permanent: string | null;
  /** The permanent remedy. The key is published. */
  readonly lasting: Remedy | null;
}

/** How to fix an uplink. */
export interface Fix {
  readonly remedy: Remedy | null;
  readonly permanentRemedy?: Remedy | null;
  /** A clause for the user to read before running the command; may be empty. */
  readonly remark: string;
}

export const finding = (
  severity: Severity,
  id: string,
  text: string,
  remedy: Remedy | null = null,
  permanentRemedy: Remedy | null = null,
): Finding => ({ severity, id, text, remedy, permanentRemedy });

/** `netns` is the name of the examined network namespace if it is not the caller's own; otherwise null. */
export function findingDocument(
  { severity, id, text, remedy, permanentRemedy }: Finding,
  netns: string | null = null,
): FindingDocument {
  const [code = id, ...rest] = id.split(':');
  const [now, permanent] = [inNamespace(remedy, netns), inNamespace(permanentRemedy, netns)];
  return {
    severity,
    id,
    code,
    subject: rest.length === 0 ? null : rest.join(':'),
    text,
    command: remedyText(now),
    remedy: now,
    permanent: remedyText(permanent),
    lasting: permanent,
  };
}

/** Programs that act on the network namespace in which they run. */
const NETWORK_PROGRAMS = ['ip', 'multihomed', 'sysctl'];
/**
 * Files that the shell would open in its own network namespace, or that apply at boot to the initial namespace only.
 */
const OWN_FILES = /^\/(?:proc\/sys|etc\/sysctl\.d)\//;

/** @returns null when no command from outside the namespace has the effect */
function inNamespace(remedy: Remedy | null, netns: string | null): Remedy | null {
  if (remedy === null || netns === null) return remedy;
  if (remedy.some(({ output }) => output !== undefined && OWN_FILES.test(output))) return null;
  return remedy.map((command) =>
    NETWORK_PROGRAMS.includes(command.argv[0] ?? '')
      ? { ...command, argv: ['ip', 'netns', 'exec', netns, ...command.argv] }
      : command,
  );
}

export function worstOf(findings: readonly Pick<Finding, 'severity'>[]): Severity {
  const worst = Math.max(0, ...findings.map(({ severity }) => SEVERITIES.indexOf(severity)));
  return SEVERITIES[worst] ?? 'ok';
}
