/** `multihomed doctor`: finds faults of the host, and the command that fixes each. */
import { getSystemErrorMap } from 'node:util';
import { askOrNot } from '../control/client.ts';
import type { StatusDocument } from '../control/document.ts';
import { diagnose } from '../doctor/diagnose.ts';
import { readConfiguration } from '../doctor/facts/configuration.ts';
import { findingDocument, worstOf, type FindingDocument, type Severity } from '../doctor/finding.ts';
import { gather } from '../doctor/gather.ts';
import { counted } from '../messages/count.ts';
import { parsePeer, resolvePeer } from '../doctor/peer.ts';
import { reportText, writeReport } from '../doctor/report.ts';
import type { Configuration } from '../rules/rule.ts';
import { printable } from '../system/printable.ts';
import { ExitError, EXIT } from './exit.ts';
import { readKernel } from './read-kernel.ts';
import { openNamespace, type Namespace } from './namespace.ts';
import { colours, commandLine, print, printExact } from './print.ts';
import { NoMptcpError } from '../netlink/error.ts';
import { packageVersion } from './version.ts';

/** Exit codes by the worst finding. sysexits.h and ip(8) give other meanings to 2 and to 64 and above. */
export const DOCTOR_EXIT: Readonly<Record<Severity, number>> = { ok: 0, note: 0, warning: 1, fault: 3 };

export interface DoctorFlags {
  readonly peer?: string;
  readonly json?: boolean;
  /** true: write the report under a generated name in the current folder. */
  readonly report?: string | true;
  readonly config?: string;
  /** The namespace that this process has already entered. */
  readonly netns?: string;
}

const NO_RULES: Configuration = {
  rules: [],
  limits: 'leave',
  hooks: { timeout: 0, user: 'root', path: [] },
  health: { detect: false, rttFactor: 3, margin: 50, probe: null },
  files: [],
  warnings: [],
};

export async function doctorCommand(flags: DoctorFlags): Promise<number> {
  const peer = flags.peer === undefined ? null : parsePeer(flags.peer);
  if (flags.peer !== undefined && !peer)
    throw new ExitError(
      EXIT.usage,
      `--peer: HOST:PORT or [ADDRESS]:PORT expected, not ${JSON.stringify(flags.peer)}`,
    );
  const target = peer && (await resolvePeer(peer));
  if (peer && typeof target === 'string')
    throw new ExitError(EXIT.usage, `--peer: ${printable(peer.host)}: name cannot be resolved: ${target}`);
  const namespace = await namespaceOrNull();
  try {
    // The checks must use the same configuration as the daemon.
    const config = flags.config ?? (namespace && (await daemonConfig(namespace)));
    const configuration = await readConfiguration(config === null ? {} : { config });
    const rules = configuration.loaded ?? NO_RULES;
    const source = namespace && {
      ...(await readKernel(namespace, rules)),
      route: namespace.kernel.route,
      socket: namespace.folder.socket,
      configuration: rules,
    };
    const facts = await gather({ configuration, source, target: typeof target === 'string' ? null : target });
    const findings = diagnose(facts);
    const written = flags.report === undefined ? null : flags.report === true ? nameNow() : flags.report;
    if (written !== null) {
      const words = new Map(peer ? [[peer.host, 'PEER']] : []);
      save(written, reportText(facts, findings, { version: packageVersion(), words }));
    }
    const worst = worstOf(findings);
    const documents = findings.map((each) => findingDocument(each, flags.netns ?? null));
    if (flags.json) printExact(JSON.stringify({ version: 1, worst, findings: documents, report: written }));
    else print(doctorText(documents, written));
    return DOCTOR_EXIT[worst];
  } finally {
    namespace?.kernel.close();
  }
}

/** Returns the daemon's --config file; null when no daemon runs, or when it uses the system's configuration. */
async function daemonConfig({ folder }: Namespace): Promise<string | null> {
  const { answer } = await askOrNot<StatusDocument>(folder.socket, { ask: 'status' });
  return answer?.daemon?.config ?? null;
}

/** A kernel without MPTCP is a finding and not a failure of doctor, so it returns null. */
async function namespaceOrNull(): Promise<Namespace | null> {
  try {
    return await openNamespace();
  } catch (error) {
    if (error instanceof NoMptcpError) return null;
    throw error;
  }
}

function save(path: string, text: string): void {
  try {
    writeReport(path, text);
  } catch (error) {
    const { code, errno = 0 } = error as NodeJS.ErrnoException;
    const text = getSystemErrorMap().get(errno)?.[1] ?? String(error);
    const why = code === 'EEXIST' ? 'the file exists; choose another name' : text;
    throw new ExitError(EXIT.usage, `the report was not written to ${printable(path)}: ${why}`);
  }
}

const nameNow = (): string =>
  `multihomed-report-${new Date().toISOString().slice(0, 19).replaceAll(':', '').replace('T', '-')}.json`;

const MARKS: Readonly<Record<Severity, string>> = { fault: '✗', warning: '!', note: 'i', ok: '✓' };
const PAINT: Readonly<Record<Severity, (text: string) => string>> = {
  fault: colours.red,
  warning: colours.yellow,
  note: colours.cyan,
  ok: colours.green,
};
const ORDER: readonly Severity[] = ['fault', 'warning', 'note', 'ok'];

/** The worst findings come first. Good ones are printed too, to show what was checked. */
function doctorText(findings: readonly FindingDocument[], report: string | null): string {
  const lines = ORDER.flatMap((severity) =>
    findings
      .filter((each) => each.severity === severity)
      .flatMap(({ text, command, permanent }) => [
        `${PAINT[severity](MARKS[severity])} ${severity === 'ok' ? colours.dim(printable(text)) : printable(text)}`,
        ...(command === null ? [] : [`    ${commandLine(colours.bold(printable(command)))}`]),
        ...(permanent === null
          ? []
          : ['  to keep this after a reboot:', `    ${commandLine(colours.bold(printable(permanent)))}`]),
      ]),
  );
  return [...lines, '', summary(findings), ...(report === null ? [] : [reportLine(report)])].join('\n');
}

function summary(findings: readonly FindingDocument[]): string {
  const number = (severity: Severity): number => findings.filter((each) => each.severity === severity).length;
  const counts = (['fault', 'warning', 'note'] as const)
    .filter((severity) => number(severity) > 0)
    .map((severity) => counted(number(severity), severity));
  if (counts.length === 0) return 'No faults found.';
  const fixable = findings.some(({ command, severity }) => command !== null && severity !== 'ok');
  return `${counts.join(', ')}.${fixable ? ' The command below a finding fixes it; run it as root.' : ''}`;
}

const reportLine = (path: string): string =>
  `The report is in ${printable(path)}, readable only by you. Check what it contains before you send it.`;
