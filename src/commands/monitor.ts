/** `multihomed monitor`: prints changes of uplinks and MPTCP connections. */
import { ControlError } from '../control/error.ts';
import { listenMptcp } from '../events/mptcp.ts';
import { DecodeError } from '../netlink/attribute.ts';
import type { Message } from '../netlink/message.ts';
import { decodeMptcpEvent } from '../netlink/mptcp/event.ts';
import { dumpLinks } from '../netlink/route/link.ts';
import { NEEDS_ROOT } from '../system/privilege.ts';
import { SystemError } from '../system/system-error.ts';
import { configurationOrExit } from './configuration.ts';
import { ExitError, EXIT } from './exit.ts';
import { eventText } from './ipmptcp/event.ts';
import { Follower } from './monitor/follow.ts';
import { mptcpJson, mptcpLine, uplinkJson, uplinkLine } from './monitor/line.ts';
import { openNamespace, type Namespace } from './namespace.ts';
import { complain, print, printExact } from './print.ts';
import { onReaderGone } from './reader.ts';

export interface MonitorFlags {
  readonly json?: boolean;
  readonly mptcp?: boolean;
  readonly config?: string;
}

/** Runs until Ctrl-C, until SIGTERM, or until the reader of its output is gone. */
export async function monitorCommand(flags: MonitorFlags): Promise<number> {
  if (flags.mptcp && flags.json) throw new ExitError(EXIT.usage, '--mptcp and --json exclude each other');
  const namespace = await openNamespace();
  try {
    await follow(namespace, flags);
    return EXIT.done;
  } finally {
    namespace.kernel.close();
  }
}

async function follow(namespace: Namespace, flags: MonitorFlags): Promise<void> {
  const ended = ending();
  const socket = await connections(namespace, flags, ended.reject);
  const config = flags.config === undefined ? {} : { config: flags.config };
  let configuration: ReturnType<typeof configurationOrExit> | undefined;
  const follower = new Follower({
    namespace,
    configuration: () => (configuration ??= configurationOrExit(config)),
    onChange: (change) => {
      // Addresses that no rule selects are left out, because they change with every privacy address.
      if (flags.json) printExact(JSON.stringify(uplinkJson(new Date(), change)));
      else if (change.state !== 'ignored' || (change.was !== null && change.was !== 'ignored'))
        print(uplinkLine(new Date(), change));
    },
    onSource: (daemon) =>
      complain(
        daemon === null
          ? 'No daemon is running: changes of uplinks are read from the kernel, and nothing is added for them.'
          : `Changes of uplinks are read from the daemon (pid ${daemon}).`,
      ),
    onError: (error) =>
      ended.reject(error instanceof ControlError ? new ExitError(EXIT.daemon, error.message) : error),
  });
  try {
    if (!flags.mptcp) await follower.start();
    await ended.promise;
  } finally {
    follower.stop();
    socket?.close();
  }
}

/** @returns null when connections cannot be followed; uplinks still are */
async function connections(
  { kernel }: Namespace,
  { json, mptcp }: MonitorFlags,
  onError: (error: Error) => void,
): Promise<{ close(): void } | null> {
  let order = Promise.resolve();
  const show = async (messages: readonly Message[], time: Date): Promise<void> => {
    const events = messages.map((message) => ({ message, event: decodeMptcpEvent(message) }));
    const names = events.some(({ event }) => event && event.ifindex !== null)
      ? new Map((await dumpLinks(kernel.route)).map(({ index, name }) => [index, name]))
      : new Map<number, string>();
    for (const { message, event } of events) {
      const name = names.get(event?.ifindex ?? 0);
      if (mptcp) print(eventText(message, name));
      else if (event && json) printExact(JSON.stringify(mptcpJson(time, event, name)));
      else if (event) print(mptcpLine(time, event, name));
    }
  };
  try {
    const socket = listenMptcp({
      family: kernel.mptcp,
      onEvents: (messages) => {
        const time = new Date();
        order = order
          .then(() => show(messages, time))
          .catch((error: Error) => {
            if (error instanceof DecodeError)
              complain(`an MPTCP event could not be decoded: ${error.message}`);
            else onError(error);
          });
      },
      onOverrun: () => complain('MPTCP events were lost, because they arrived faster than they were read.'),
      onError,
    });
    if (socket) return socket;
    if (mptcp)
      throw new ExitError(EXIT.unavailable, 'This kernel has no MPTCP events (they need Linux 5.12).');
    complain('This kernel has no MPTCP events (they need Linux 5.12); only uplinks are shown.');
  } catch (error) {
    if (!(error instanceof SystemError) || error.code !== 'EPERM') throw error;
    if (mptcp) throw new ExitError(EXIT.permission, `${NEEDS_ROOT} to read MPTCP events: ${error.message}`);
    complain(`${NEEDS_ROOT} to read MPTCP events; only uplinks are shown.`);
  }
  return null;
}

function ending(): { promise: Promise<void>; reject: (error: Error) => void } {
  let reject!: (error: Error) => void;
  const promise = new Promise<void>((resolve, no) => {
    reject = no;
    process.once('SIGINT', resolve).once('SIGTERM', resolve).once('SIGHUP', resolve);
    onReaderGone(resolve);
  });
  promise.catch(() => undefined);
  return { promise, reject };
}
