/** `multihomed hook-runner`: a process that runs hooks for the daemon; main.js starts it without the command's libraries. */
import { createServer, Socket } from 'node:net';
import { localRunner } from './hooks/local-runner.ts';
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
 * Serves one daemon that connects to the socket of multihomed-hooks.socket. Further connections stay in the socket's
 * queue: systemd then starts the service again, after the hooks of this daemon have ended. So a daemon that an upgrade
 * has restarted gets a runner of its own version, and this one loads nothing after it has begun to serve.
 */
async function serveSocket(config: string | undefined): Promise<void> {
  const load = config === undefined ? {} : { config };
  const [{ permittedRunner }, { preloadReader }] = await Promise.all([
    import('./hooks/permitted-runner.ts'),
    import('./rules/system.ts'),
  ]);
  await preloadReader();
  return new Promise((resolve) => {
    let session: Session | undefined;
    const unused = setTimeout(resolve, UNUSED_MS);
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
      clearTimeout(unused);
      server.close();
      if (isDaemon(socket)) {
        session = serveDaemon(socket, report, (log) => permittedRunner(localRunner(log), load));
        void session.ended.then(resolve);
      } else {
        socket.destroy();
        resolve();
      }
    });
    server.listen({ fd: FIRST });
    stop = async () => {
      server.close();
      if (session) await session.stop();
      else resolve();
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
