/** `multihomed explain IFACE`: why an uplink is as it is, and what to do about it. */
import { ask } from '../control/client.ts';
import { explain, type Explanation, type Step } from '../plan/explain.ts';
import { plan } from '../plan/plan.ts';
import { printable } from '../system/printable.ts';
import { configurationOrExit } from './configuration.ts';
import { CommandError, EXIT } from './exit.ts';
import { look, openNamespace, refuseConfig, type Namespace } from './namespace.ts';
import { colours, print } from './print.ts';

export async function explainCommand(
  name: string,
  flags: { readonly json?: boolean; readonly config?: string },
): Promise<number> {
  const namespace = await openNamespace();
  try {
    const answered = await ask(namespace.folder.socket, { ask: 'explain', interface: name });
    if (answered !== undefined) refuseConfig(flags.config);
    const explanation =
      answered === undefined ? await alone(namespace, name, flags.config) : (answered as Explanation | null);
    if (!explanation)
      throw new CommandError(EXIT.usage, `there is no interface ${JSON.stringify(name)} here`);
    const daemon = answered !== undefined;
    print(flags.json ? JSON.stringify({ daemon, ...explanation }) : explanationText(explanation, daemon));
    return EXIT.done;
  } finally {
    namespace.kernel.close();
  }
}

async function alone(
  namespace: Namespace,
  name: string,
  config: string | undefined,
): Promise<Explanation | null> {
  const configuration = await configurationOrExit(config === undefined ? {} : { config });
  const { snapshot, memory } = await look(namespace, configuration);
  return explain(name, plan(snapshot, configuration, memory), snapshot, configuration, memory);
}

const MARKS: Readonly<Record<Step['state'], string>> = { passed: '✓', stopped: '✗', ahead: '·' };

function explanationText({ interface: name, rules, uplinks, advice }: Explanation, daemon: boolean): string {
  const lines = [colours.bold(printable(name))];
  if (!daemon) lines.push(colours.yellow('  no daemon runs here: told from the kernel and the rules alone'));
  for (const rule of rules) {
    const mark = rule.matches ? colours.green('✓') : colours.dim('·');
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
        `    ${paint(step.state, MARKS[step.state])} ${step.name.padEnd(width)}  ${paint(step.state, printable(step.evidence))}`.trimEnd(),
      );
    const isSaid = uplink.steps.some((step) => step.evidence === uplink.reason);
    if (uplink.state !== 'active' && !isSaid) lines.push(`    ${printable(uplink.reason)}`);
    if (uplink.advice) lines.push(`    ${colours.cyan('→')} ${printable(uplink.advice)}`);
  }
  if (advice) lines.push('', `  ${colours.cyan('→')} ${printable(advice)}`);
  return lines.join('\n');
}

function paint(state: Step['state'], text: string): string {
  if (state === 'passed') return text === '✓' ? colours.green(text) : text;
  return state === 'stopped' ? colours.red(text) : colours.dim(text);
}
