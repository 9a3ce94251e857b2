/** `multihomed explain IFACE`: the reasons for the state of an interface's uplinks, and what to do about it. */
import { askOrNot } from '../control/client.ts';
import { counted } from '../messages/count.ts';
import type { ExplainedUplink, Explanation } from '../messages/explain.ts';
import type { ExplainedStep } from '../messages/steps.ts';
import { printable } from '../system/printable.ts';
import { remedyText } from '../system/shell-quote.ts';
import { ExitError, EXIT } from './exit.ts';
import { openNamespace, refuseConfig, type Namespace } from './namespace.ts';
import { colours, commandLine, print, printExact } from './print.ts';
import { withoutDaemon } from './status.ts';

export async function explainCommand(
  name: string,
  flags: { readonly json?: boolean; readonly config?: string; readonly verbose?: boolean },
): Promise<number> {
  const namespace = await openNamespace();
  try {
    const request = { ask: 'explain', interface: name };
    const { answer, silent } = await askOrNot<Explanation | null>(namespace.folder.socket, request);
    // The kernel is read only when no daemon answers; an interface that the daemon does not know does not exist.
    const source = silent === undefined ? null : withoutDaemon(silent);
    if (source === null) refuseConfig(flags.config);
    const explanation = source === null ? answer : await explainAlone(namespace, name, flags.config);
    if (!explanation) throw new ExitError(EXIT.usage, `${JSON.stringify(name)}: no such interface`);
    if (flags.json) printExact(JSON.stringify({ version: 1, daemon: source === null, ...explanation }));
    else print(explanationText(explanation, { source, verbose: flags.verbose ?? false }));
    return EXIT.done;
  } finally {
    namespace.kernel.close();
  }
}

async function explainAlone(
  namespace: Namespace,
  name: string,
  config: string | undefined,
): Promise<Explanation | null> {
  const { explainWithoutDaemon } = await import('./read-kernel.ts');
  return explainWithoutDaemon(namespace, name, config === undefined ? {} : { config });
}

const MARKS: Readonly<Record<ExplainedStep['state'], string>> = {
  passed: colours.green('✓'),
  stopped: colours.red('✗'),
  ahead: colours.dim('·'),
};

interface TextOptions {
  /** The first lines of the output when no daemon answered; null: it did. */
  readonly source: string | null;
  /** Also print each rule that does not match. */
  readonly verbose: boolean;
}

function explanationText(
  { interface: name, rules, uplinks, advice }: Explanation,
  { source, verbose }: TextOptions,
): string {
  const lines = source === null ? [] : [colours.yellow(source), ''];
  lines.push(colours.bold(printable(name)));
  const others = rules.filter((rule) => !rule.matches).length;
  if (others > 0 && !verbose)
    lines.push(`  ${colours.dim(`· not matched: ${counted(others, 'rule')} (-v shows why)`)}`);
  for (const rule of verbose ? rules : rules.filter((each) => each.matches)) {
    const mark = MARKS[rule.matches ? 'passed' : 'ahead'];
    lines.push(`  ${mark} rule ${JSON.stringify(rule.glob)} (${rule.place}): ${printable(rule.why)}`);
  }
  for (const uplink of uplinks) {
    if (uplink.state === 'ignored' && uplink.address) {
      lines.push('', `  ${uplink.address}: ${colours.dim(`ignored, ${printable(uplink.reason)}`)}`);
      continue;
    }
    lines.push('', `  ${colours.bold(uplink.address ?? printable(name))}: ${uplink.state}`);
    const width = Math.max(...uplink.steps.map((step) => step.name.length));
    for (const step of uplink.steps)
      lines.push(
        `    ${MARKS[step.state]} ${step.name.padEnd(width)}  ${paint(step.state, printable(step.evidence))}`.trimEnd(),
      );
    // A step that stopped for the reason of the uplink has printed it.
    const isPrinted = uplink.steps.some((step) => step.evidence === uplink.reason);
    if (uplink.state !== 'active' && !isPrinted) lines.push(`    ${printable(uplink.reason)}`);
    lines.push(...adviceLines(uplink));
  }
  if (advice) lines.push('', `  ${colours.cyan('→')} ${printable(advice)}`);
  return lines.join('\n');
}

function adviceLines({ advice, remedy }: Pick<ExplainedUplink, 'advice' | 'remedy'>): string[] {
  if (advice === null) return [];
  const command = remedyText(remedy);
  const text = `    ${colours.cyan('→')} ${printable(advice)}`;
  return command === null ? [text] : [`${text}:`, `        ${commandLine(colours.bold(command))}`];
}

function paint(state: ExplainedStep['state'], text: string): string {
  if (state === 'passed') return text;
  return state === 'stopped' ? colours.red(text) : colours.dim(text);
}
