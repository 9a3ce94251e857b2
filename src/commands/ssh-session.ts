/**
 * Finds the SSH session that a command runs in, even through sudo(8), su(1) or doas(1), which clear the environment.
 */
import { readFileSync } from 'node:fs';

export interface SshSession {
  /** Addresses of the client and of this host, without a zone. */
  readonly client: string;
  readonly server: string;
  /** Where the session was found, for messages. */
  readonly source: string;
}

/** sshd(8) sets it to the addresses and ports of the client and the server. */
const VARIABLE = 'SSH_CONNECTION';
/** More levels than any session has. A loop cannot exist, but a process may be replaced while it is read. */
const MAX_DEPTH = 64;

/**
 * Returns the nearest session, from the environment of this process or of an ancestor, which root may read
 * (proc_pid_environ(5)). The owner of an ancestor may have forged it; this only causes a refusal that --force
 * overrides.
 */
export function sshSession(): SshSession | null {
  const own = parse(process.env['SSH_CONNECTION'], `by ${VARIABLE}`);
  if (own) return own;
  let pid = process.ppid;
  for (let depth = 0; pid > 1 && depth < MAX_DEPTH; depth++) {
    const status = read(`/proc/${pid}/status`);
    const value = read(`/proc/${pid}/environ`)
      .split('\0')
      .find((entry) => entry.startsWith(`${VARIABLE}=`));
    const name = /^Name:\t(.*)$/m.exec(status)?.[1] ?? 'unknown';
    const found = parse(value?.slice(VARIABLE.length + 1), `by the environment of process ${pid}, ${name}`);
    if (found) return found;
    pid = Number(/^PPid:\t(\d+)$/m.exec(status)?.[1] ?? 0);
  }
  return null;
}

function parse(value: string | undefined, source: string): SshSession | null {
  const [client, , server] = (value ?? '').split(' ').map((word) => word.split('%')[0]!);
  return client && server ? { client, server, source } : null;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
