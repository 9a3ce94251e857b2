/** The SSH session that a command was called from, also through sudo(8), su(1) or doas(1), which clear the environment. */
import { readFileSync } from 'node:fs';

export interface SshSession {
  /** Addresses of the client and of this host, without a zone. */
  readonly client: string;
  readonly server: string;
  /** Where it was found. */
  readonly source: string;
}

/** sshd(8) sets it to the client's address and port, and the server's. */
const VARIABLE = 'SSH_CONNECTION';
/** Deeper than sessions are; a circle cannot be, but a process may be replaced while it is read. */
const MAX_DEPTH = 64;

/**
 * The nearest: of this process, or of one of those above it, whose environment root may read (proc_pid_environ(5)). Its
 * owner may have written there what they like; a false one costs a refusal that --force overrides.
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
