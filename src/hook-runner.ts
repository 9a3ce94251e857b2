/** The hook runner: a process that runs hooks for the daemon, and ends with its connection to the daemon. */
import { Socket } from 'node:net';
import { localRunner } from './hooks/local-runner.ts';
import { serveDaemon } from './hooks/session.ts';

/** The descriptor of the connection; see src/hooks/spawn-runner.ts. */
const CONNECTION = 3;

// See src/main.ts: without a listener, Node opens its debugger at this signal.
process.on('SIGUSR1', () => undefined);
process.stderr.on('error', () => undefined);

const socket = new Socket({ fd: CONNECTION, allowHalfOpen: true });
const { ended, stop } = serveDaemon(
  socket,
  (text) => void process.stderr.write(`multihomed: ${text}\n`),
  localRunner,
);
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => void stop());

// Timers of hooks that have ended, and descriptors that their children hold, must not keep this process.
void ended.then(() => process.exit());
