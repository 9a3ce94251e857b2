/** The laptop: the first process of the namespaces, which runs the daemon, the receiver and the scenario. */
import { NoMptcpError } from '../daemon/error.ts';
import { checkEnabled } from '../daemon/kernel.ts';
import { Chronicle } from './chronicle.ts';
import { Companion } from './companion.ts';
import { furnish } from './furnishing.ts';
import { Network } from './network.ts';
import { tell } from './story.ts';
import { Witness } from './witness.ts';

/** Prints facts to standard output, one per line. Ends when its standard input ends. */
export async function laptop(main: string): Promise<void> {
  const end = (): never => process.exit(0);
  process.stdin.on('end', end).on('error', end).resume();
  process.stdout.on('error', end);
  process.on('SIGINT', end).on('SIGTERM', end).on('SIGHUP', end);
  const chronicle = new Chronicle((fact) => process.stdout.write(`${JSON.stringify(fact)}\n`));
  try {
    checkEnabled();
    furnish();
    const internet = await Companion.internet(main);
    const network = new Network(internet.pid);
    await network.prepare();
    const witness = await Witness.begin(chronicle, network.internetNamespace);
    await tell({ chronicle, network, witness, internet, main });
  } catch (error) {
    const reason = error instanceof NoMptcpError ? 'mptcp' : 'fault';
    const text = error instanceof Error ? error.message : String(error);
    chronicle.tell({ kind: 'failure', reason, text });
  }
  // When this first process exits, the kernel ends the daemon and the server too.
  process.stdout.write('', () => process.exit(0));
}
