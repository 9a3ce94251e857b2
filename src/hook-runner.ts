/** `multihomed hook-runner`: a process that runs hooks for the daemon; main.js starts it without the command's libraries. */
import { createServer, Socket } from 'node:net';
import { localRunner } from './hooks/local-runner.ts';
import { permittedRunner } from './hooks/permitted-runner.ts';
import { serveDaemon, type Session } from './hooks/session.ts';
import { serviceUser } from './system/passwd.ts';
import { peerOf } from './system/peer.ts';
import { isOwnUser, isRootUser } from './system/user-namespace.ts';

/** The first descriptor that systemd passes (sd_listen_fds(3)), and the connection of src/hooks/spawn-runner.ts. */
const FIRST = 3;
/** Milliseconds after which a runner that was started by hand, and not by a connection, ends. */
const UNUSED_MS = 30_000;

// See src/main.ts: without a listener, Node opens its debugger at this signal.
process.on('SIGUSR1', () => undefined);
process.stderr.on('error', () => undefined);

/** journald reads the priority of a line from its prefix, sd-daemon(3). */
const report = (text: string): void => void process.stderr.write(`<4>multihomed: ${text}\n`);

/** Ends all hooks early. */
let stop: () => Promise<void> = () => Promise.resolve();

/** The daemon started this process, and has the same privileges. */
async function serveParent(): Promise<void> {
  const session = serveDaemon(new Socket({ fd: FIRST, allowHalfOpen: true }), report, localRunner);
  stop = session.stop;
  await session.ended;
}

/** Whether the peer is a daemon: of root, of this process's user, or of the user `multihomed`. */
function isDaemon(socket: Socket): boolean {
  const uid = peerOf(socket)?.uid;
  return uid !== undefined && (isRootUser(uid) || isOwnUser(uid) || uid === serviceUser()?.uid);
}

/**
 * Serves the socket of multihomed-hooks.socket until no daemon is connected. A daemon waits until the hooks of the one
 * before have ended. A connection that comes while this process ends stays in the socket's queue, and systemd starts
 * the service again.
 */
function serveSocket(config: string | undefined): Promise<void> {
  const load = config === undefined ? {} : { config };
  return new Promise((resolve) => {
    const sessions = new Set<Session>();
    let stopped = false;
    let turn = Promise.resolve();
    let connected = 0;
    const serve = async (socket: Socket): Promise<void> => {
      const session = serveDaemon(socket, report, (log) => permittedRunner(localRunner(log), load));
      sessions.add(session);
      await session.ended;
      sessions.delete(session);
    };
    const unused = setTimeout(resolve, UNUSED_MS);
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
      if (!isDaemon(socket)) {
        socket.destroy();
        if (connected === 0) resolve();
        return;
      }
      clearTimeout(unused);
      connected++;
      turn = turn
        .then(() => (stopped ? void socket.destroy() : serve(socket)))
        .finally(() => {
          if (--connected === 0) resolve();
        });
    });
    server.listen({ fd: FIRST });
    stop = async () => {
      stopped = true;
      server.close();
      await Promise.all([...sessions].map((session) => session.stop()));
      if (connected === 0) resolve();
    };
  });
}

for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => void stop());

const { LISTEN_PID, LISTEN_FDS } = process.env;
const [, , , flag, config] = process.argv;
const ended =
  LISTEN_FDS === '1' && Number(LISTEN_PID) === process.pid
    ? serveSocket(flag === '--config' ? config : undefined)
    : serveParent();
// Timers of hooks that have ended, and descriptors that their children hold, must not keep this process.
void ended.then(() => process.exit());
