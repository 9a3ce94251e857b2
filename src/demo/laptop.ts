/** The laptop: first process of the namespaces, in which the daemon, the receiver and the story run. */
import { NoMptcpError } from '../daemon/error.ts';
import { checkEnabled } from '../daemon/kernel.ts';
import { Chronicle } from './chronicle.ts';
import { Companion } from './companion.ts';
import { furnish } from './furnishing.ts';
import { Network } from './network.ts';
import { tell } from './story.ts';
import { Witness } from './witness.ts';

/** Facts go to standard output, a line each; the end of standard input is the end of all. */
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
  // As the first process: the kernel ends the daemon and the server with us.
  process.stdout.write('', () => process.exit(0));
}
