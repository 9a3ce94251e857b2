/** The command that shell completion calls. It prints one word per line, followed by a tab and a description. */
import { openSession } from '../netlink/session.ts';
import { dumpEndpoints } from '../netlink/mptcp/endpoint.ts';
import { dumpLinks } from '../netlink/route/link.ts';
import { flagNames } from '../netlink/mptcp/flags.ts';
import { systemClock } from '../system/clock.ts';
import { printable } from '../system/printable.ts';
import { EXIT } from './exit.ts';
import { printExact } from './print.ts';

/** Prints the ids of the endpoints; nothing for a user without permission or a kernel without MPTCP. */
export async function completeCommand(): Promise<number> {
  const kernel = await openSession({ clock: systemClock });
  try {
    const endpoints = await dumpEndpoints(kernel.generic, kernel.mptcp);
    const links = new Map((await dumpLinks(kernel.route)).map(({ index, name }) => [index, name]));
    for (const { id, address, ifindex, flags } of endpoints) {
      const dev = ifindex === 0 ? '' : ` dev ${printable(links.get(ifindex) ?? `${ifindex}`)}`;
      printExact(`${id}\t${address}${dev} ${flagNames(flags).join(' ')}`.trimEnd());
    }
    return EXIT.done;
  } finally {
    kernel.close();
  }
}
