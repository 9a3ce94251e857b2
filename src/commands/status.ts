/** `multihomed status [IFACE]`: the state of all uplinks, or of those of one interface. */
import type { StatusDocument, UplinkDocument } from '../control/document.ts';
import { findManagers } from '../doctor/facts/processes.ts';
import { counted } from '../messages/count.ts';
import { problemClause } from '../messages/problem.ts';
import { PAUSED } from '../messages/reason.ts';
import { dumpLinks, findLink } from '../netlink/route/link.ts';
import { printable } from '../system/printable.ts';
import type { HostProblem } from '../plan/problem.ts';
import { subflowSockets } from '../snapshot/connections.ts';
import { quoteWord, remedyText, type Remedy } from '../system/shell-quote.ts';
import { hasUnit, restartRemedy, startRemedy } from '../system/unit.ts';
import { ago } from '../watch/units.ts';
import { configurationOrExit } from './configuration.ts';
import { ExitError, EXIT } from './exit.ts';
import { openNamespace, refuseConfig, type Namespace } from './namespace.ts';
import { colours, commandLine, print, printExact, table } from './print.ts';
import { readStatus } from './read-status.ts';
import { subflowLines } from './subflow-lines.ts';

export async function statusCommand(
  name: string | undefined,
  flags: { readonly json?: boolean; readonly verbose?: boolean; readonly config?: string },
): Promise<number> {
  const namespace = await openNamespace();
  try {
    const load = flags.config === undefined ? {} : { config: flags.config };
    const status = await readStatus(namespace, () => configurationOrExit(load));
    if (status.daemon) refuseConfig(flags.config);
    const uplinks = name === undefined ? status.uplinks : await uplinksOf(name, status, namespace);
    if (flags.json) printExact(JSON.stringify({ ...status, uplinks }));
    else
      print(
        [statusText({ ...status, uplinks }), ...(flags.verbose ? await details(status, uplinks) : [])].join(
          '\n',
        ),
      );
    return EXIT.done;
  } finally {
    namespace.kernel.close();
  }
}

/** Returns the uplinks of the interface with this name or altname. @throws ExitError when there is none */
async function uplinksOf(
  name: string,
  { uplinks }: StatusDocument,
  { kernel }: Namespace,
): Promise<readonly UplinkDocument[]> {
  const link = findLink(await dumpLinks(kernel.route), name);
  const found = uplinks.filter((each) => (link ? each.ifindex === link.index : each.interface === name));
  if (found.length > 0) return found;
  const quoted = JSON.stringify(name);
  throw new ExitError(
    EXIT.usage,
    link
      ? `no rule selects ${quoted}; for the reason, run: multihomed explain ${quoteWord(name)}`
      : `${quoted}: no such interface`,
  );
}

async function details(status: StatusDocument, uplinks: readonly UplinkDocument[]): Promise<string[]> {
  // An ordinary user under an older kernel may not list sockets.
  const sockets = await subflowSockets().catch(() => []);
  return [...subflowLines(uplinks, sockets, Date.now()), ...countersLines(status)];
}

function countersLines({ daemon }: StatusDocument): string[] {
  if (!daemon?.counters) return [];
  const { since, passes, wakeUps, events, actions, restored } = daemon.counters;
  const words = (counts: Readonly<Record<string, number>>): string =>
    Object.entries(counts)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ');
  return [
    '',
    `started ${ago(Date.now() - since)}: ${counted(passes, 'pass')}`,
    `wake-ups: ${words(wakeUps)}`,
    `events: ${words(events)}`,
    `actions: ${words(actions)}; restored ${restored}`,
  ];
}

/** A problem, and the command that solves it on a line of its own. */
export function problemLines(problem: HostProblem & { readonly remedy: Remedy | null }): string[] {
  const command = remedyText(problem.remedy);
  const text = colours.red(problemClause(problem));
  return command === null ? [text] : [`${text}; to solve it:`, `    ${commandLine(colours.bold(command))}`];
}

/** Output for people; its format may change. */
function statusText(status: StatusDocument): string {
  const { daemon, limits, endpoints, problemDetails } = status;
  const lines = [
    daemon === null
      ? colours.yellow(withoutDaemon(status.silent))
      : `multihomed (pid ${daemon.pid})${daemon.paused ? `, ${PAUSED}` : ''}${daemon.dryRun ? ', dry run' : ''}`,
    '',
    uplinksText(status.uplinks),
    '',
    `limits: subflows ${limits.subflows}, add_addr_accepted ${limits.addAddrAccepted}; ` +
      `endpoints: ${endpoints.owned} of multihomed, ${endpoints.foreign} of other programs${endpoints.slots === null ? '' : ` (at most ${endpoints.slots})`}`,
    ...problemDetails.flatMap(problemLines),
    ...foreignEndpoints(status),
  ];
  return lines.join('\n');
}

/**
 * By default NetworkManager adds an endpoint on each of its devices, so multihomed has none at all. Other addresses may
 * not be usable yet.
 */
function foreignEndpoints({ uplinks, endpoints }: StatusDocument): string[] {
  if (!uplinks.some(({ state }) => state === 'conflict')) return [];
  if (endpoints.owned > 0 || endpoints.foreign === 0) return [];
  if (!findManagers([]).some(({ name, here }) => name === 'NetworkManager' && here !== false)) return [];
  return [
    colours.yellow(
      'NetworkManager added the endpoints of these uplinks. For the commands that stop this, run:',
    ),
    '    multihomed doctor',
  ];
}

/** The first lines of the output when no daemon answered. */
export function withoutDaemon(silent: StatusDocument['silent']): string {
  const manager = { systemd: hasUnit() };
  if (silent === null)
    return `No daemon is running; this was read from the kernel. Start the daemon:\n    ${remedyText(startRemedy(manager))}`;
  const restart = remedyText(restartRemedy(silent.pid, manager));
  return `The daemon (pid ${silent.pid ?? 'unknown'}) does not answer; this was read from the kernel.${
    restart === null ? '' : ` If it does not recover, restart it:\n    ${restart}`
  }`;
}

/** Addresses that no rule selects are not in the table; `--json` has them. */
function uplinksText(uplinks: readonly UplinkDocument[]): string {
  const shown = uplinks.filter(({ state, address }) => state !== 'ignored' || address === null);
  const hidden = uplinks.length - shown.length;
  if (shown.length === 0)
    return 'Nothing is managed: no rule selects an interface. For an example of a rule, run:\n    multihomed plan';
  const rows = shown.map((uplink) => [
    printable(uplink.interface),
    uplink.address ?? '-',
    uplink.state,
    sinceCell(uplink.since),
    uplink.endpoint ? `id ${uplink.endpoint.id} ${uplink.endpoint.flags.join(',')}` : '-',
    uplink.gateway ?? '-',
    uplink.rule === null || uplink.address === null
      ? '-'
      : uplink.table === null
        ? 'main'
        : `${uplink.table}`,
    uplink.rule === null ? '-' : printable(uplink.rule.glob),
    reasonCell(uplink),
  ]);
  const head = ['INTERFACE', 'ADDRESS', 'STATE', 'SINCE', 'ENDPOINT', 'GATEWAY', 'TABLE', 'RULE', 'REASON'];
  const all = [head, ...rows];
  const known = shown.some(({ since }) => since !== null);
  const cells = known ? all : all.map((row) => row.filter((_, column) => head[column] !== 'SINCE'));
  const text = table(cells, paintCell, DROPPED);
  return hidden === 0
    ? text
    : `${text}\n${colours.dim(`not shown: ${counted(hidden, 'ignored address')} (--json shows them)`)}`;
}

/** After the clock was set back, the age is shown as zero instead of negative. */
const sinceCell = (since: number | null): string =>
  since === null ? '-' : ago(Math.max(0, Date.now() - since));

/** Empty when it would only repeat the columns GATEWAY and STATE. */
const reasonCell = ({ state, code, gateway, subflows, misrouted, reason }: UplinkDocument): string =>
  state === 'active' && code === 'default-route' && gateway !== null && !subflows?.failing && !misrouted
    ? ''
    : printable(reason);

/** Columns that a narrow terminal drops; `explain` and `--json` have them. */
const DROPPED = ['SINCE', 'TABLE', 'RULE', 'ENDPOINT', 'GATEWAY'];

const paintCell = (cell: string, title: string, row: number): string =>
  row === 0 ? colours.bold(cell) : title === 'STATE' ? paintState(cell) : cell;

function paintState(cell: string): string {
  const state = cell.trim();
  if (state === 'active') return colours.green(cell);
  if (state === 'conflict' || state === 'failed') return colours.red(cell);
  return state === 'ignored' ? colours.dim(cell) : colours.yellow(cell);
}
