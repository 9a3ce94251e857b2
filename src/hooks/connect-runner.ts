/** Connects the daemon to a hook runner. */
import { createConnection } from 'node:net';
import { spawnRunner, type RunnerConnection } from './spawn-runner.ts';

/**
 * The unit names the socket of multihomed-hooks.socket; at a connection, systemd starts a runner with privileges of its
 * own. Without it, the daemon starts the runner itself.
 * @throws an error of spawn(2), such as EAGAIN
 */
export function connectRunner(): RunnerConnection {
  const path = process.env['MULTIHOMED_HOOKS_SOCKET'];
  if (!path) return spawnRunner();
  const socket = createConnection({ path, allowHalfOpen: true });
  const ended = new Promise<string>((resolve) => {
    socket.once('error', (error) => resolve(`cannot be reached: ${error.message}`));
    socket.once('end', () => socket.end());
    socket.once('close', () => resolve('ended'));
  });
  return { socket, ended };
}
