/** The laptop: the first process of the namespaces, which runs the daemon, the receiver and the scenario. */
import { checkEnabled } from '../netlink/session.ts';
import { EventLog } from './event-log.ts';
import { Subprocess } from './subprocess.ts';
import { mountPrivate } from './mounts.ts';
import { Network } from './network.ts';
import { runScenario } from './scenario.ts';
import { KernelMonitor } from './kernel-monitor.ts';
import { NoMptcpError } from '../netlink/error.ts';

/** Prints facts to standard output, one per line. Ends when its standard input ends. */
export async function laptop(main: string): Promise<void> {
  const end = (): never => process.exit(0);
  process.stdin.on('end', end).on('error', end).resume();
  process.stdout.on('error', end);
  process.on('SIGINT', end).on('SIGTERM', end).on('SIGHUP', end);
  const events = new EventLog((fact) => process.stdout.write(`${JSON.stringify(fact)}\n`));
  try {
    checkEnabled();
    mountPrivate();
    const internet = await Subprocess.internet(main);
    const network = new Network(internet.pid);
    await network.prepare();
    const monitor = await KernelMonitor.begin(events, network.internetNamespace);
    await runScenario({ events, network, monitor, internet, main });
  } catch (error) {
    const reason = error instanceof NoMptcpError ? 'mptcp' : 'fault';
    const text = error instanceof Error ? error.message : String(error);
    events.record({ kind: 'failure', reason, text });
  }
  // When this first process exits, the kernel ends the daemon and the server too.
  process.stdout.write('', () => process.exit(0));
}
