/** `multihomed flush`: removes everything that multihomed added, after counting the connections that this would cut. */
import { apply } from '../actions/apply.ts';
import { applyOutcome } from '../actions/transitions.ts';
import { ask } from '../control/client.ts';
import { addressFamily, unmapIPv4 } from '../netlink/ip.ts';
import { askFib } from '../netlink/route/fib.ts';
import { counted } from '../messages/count.ts';
import { actionText } from '../actions/action.ts';
import { flushActions } from '../plan/flush.ts';
import { remedyText } from '../system/shell-quote.ts';
import { lockRuntime, makeRuntimeFolder } from '../system/runtime.ts';
import type { Configuration } from '../rules/rule.ts';
import { openConnections } from '../snapshot/connections.ts';
import { type Snapshot } from '../snapshot/snapshot.ts';
import { ExitError, EXIT } from './exit.ts';
import { readKernel, type KernelRead } from './read-kernel.ts';
import { openNamespace, type Namespace } from './namespace.ts';
import { print, printExact } from './print.ts';
import { requireRoot } from './privilege.ts';
import { sshSession, type SshSession } from './ssh-session.ts';
import { isDone } from '../actions/outcome.ts';
import { ownedEndpoints } from '../actions/ownership.ts';
import { RTPROT_MULTIHOMED } from '../netlink/route/protocol.ts';

const NOTHING: Configuration = {
  rules: [],
  limits: 'leave',
  hooks: { timeout: 0, user: 'root', path: [] },
  health: { detect: false, rttFactor: 3, margin: 50, probe: null },
  files: [],
  warnings: [],
};

export async function flushCommand(flags: {
  readonly force?: boolean;
  /** The namespace that this process has already entered. */
  readonly netns?: string;
  readonly json?: boolean;
}): Promise<number> {
  requireRoot();
  const namespace = await openNamespace();
  try {
    if (!flags.force) await refuseToCut(namespace, await readKernel(namespace, NOTHING), flags.netns);
    const done =
      ((await ask(namespace.folder.socket, { ask: 'flush' })) as string[] | undefined) ??
      (await flush(namespace));
    if (flags.json) printExact(JSON.stringify({ version: 1, done }));
    else print(done.length === 0 ? 'Nothing to remove.' : done.join('\n'));
    return EXIT.done;
  } finally {
    namespace.kernel.close();
  }
}

async function refuseToCut(
  namespace: Namespace,
  { snapshot, state }: KernelRead,
  netns?: string,
): Promise<void> {
  const addresses = new Set(ownedEndpoints(snapshot, state).map((endpoint) => endpoint.address));
  const losses: string[] = [];
  const connections = await lastSubflows(addresses);
  if (connections > 0) losses.push(counted(connections, 'open MPTCP connection'));
  const session = await ownedSession(namespace, snapshot);
  if (session) losses.push(`this SSH session (from ${session.client}, found ${session.source})`);
  if (losses.length === 0) return;
  const argv = ['multihomed', 'flush', '--force', ...(netns === undefined ? [] : ['--netns', netns])];
  throw new ExitError(
    EXIT.refused,
    `would cut ${losses.join(' and ')}. To remove everything anyway:\n    ${remedyText([{ argv }])}`,
  );
}

/** Counts connections all of whose subflows start from an address whose endpoint would be removed. */
async function lastSubflows(addresses: ReadonlySet<string>): Promise<number> {
  const { connections } = await openConnections();
  return connections.filter((locals) => locals.every((address) => addresses.has(address))).length;
}

/** Returns the SSH session if its packets use a route of multihomed. */
async function ownedSession({ kernel }: Namespace, snapshot: Snapshot): Promise<SshSession | null> {
  const session = sshSession();
  if (!session || snapshot.ownRoutes.length === 0) return null;
  const destination = unmapIPv4(session.client);
  const answer = await askFib(kernel.route, {
    family: addressFamily(destination),
    destination,
    source: unmapIPv4(session.server),
  }).catch(() => null);
  return answer && 'route' in answer && answer.route.protocol === RTPROT_MULTIHOMED ? session : null;
}

/**
 * Flushes without a daemon. The lock prevents the start of a daemon, and the state is read only after the
 * lock is held, so it includes what an earlier daemon did.
 */
async function flush(namespace: Namespace): Promise<string[]> {
  const { kernel, journal } = namespace;
  const lock = lockRuntime(makeRuntimeFolder(kernel.namespace));
  if (!lock.held)
    throw new ExitError(EXIT.daemon, 'the daemon of this network namespace does not answer; end it first');
  const { snapshot, state } = await readKernel(namespace, NOTHING);
  let now = state;
  const outcomes = await apply(flushActions(snapshot, state), kernel, {
    before: () => undefined,
    after: (outcome) => (now = applyOutcome(now, outcome)),
  });
  journal.write(now, journal.read().notified);
  const failed = outcomes.find((outcome) => outcome.error);
  if (failed?.error) throw failed.error;
  return outcomes.filter(isDone).map(({ action }) => actionText(action));
}
