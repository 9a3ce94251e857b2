/** Runs the program as a user does: a process of its own, with a configuration file of its own. */
import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ChildProcess } from 'node:child_process';
import { expect } from 'vitest';
import { ask } from '../../src/control/client.ts';
import type { StatusDocument, UplinkDocument } from '../../src/control/document.ts';
import { ControlError } from '../../src/control/error.ts';
import { MAIN } from './installed.ts';
import type { Netns } from './netns.ts';

export { MAIN } from './installed.ts';

/**
 * The environment of a daemon that the service manager starts (systemd.exec(5)), independent of the environment of the
 * tests.
 */
export const AS_SERVICE = { INVOCATION_ID: '0123456789abcdef', SYSTEMD_EXEC_PID: '' };
/** The environment of a daemon that a person starts. */
export const BY_HAND = { INVOCATION_ID: '', NOTIFY_SOCKET: '' };

export interface DaemonOptions {
  readonly args?: readonly string[];
  readonly environment?: NodeJS.ProcessEnv;
}

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Writes JSON, which is valid YAML. */
export function configurationText(rules: Record<string, unknown> | string): string {
  return typeof rules === 'string' ? rules : JSON.stringify({ rules });
}

/** Runs any command until it exits. */
export async function command(
  netns: Netns,
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): Promise<Finished> {
  return finished(netns.spawn(process.execPath, [MAIN, ...args], environment));
}

/** Waits until the process exits by itself; closes its standard input. */
export async function finished(child: ChildProcess): Promise<Finished> {
  const output = { stdout: '', stderr: '' };
  child.stdin?.end();
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, ...output };
}

export class Daemon {
  readonly #netns: Netns;
  readonly #child: ChildProcess;
  readonly #closed: Promise<Finished>;
  readonly config: string;
  #log = '';

  constructor(netns: Netns, folder: string, rules: Record<string, unknown> | string, options: DaemonOptions) {
    this.#netns = netns;
    this.config = join(folder, 'etc', 'config.yaml');
    mkdirSync(join(folder, 'etc'), { recursive: true });
    this.configure(rules);
    const args = [MAIN, 'run', '--config', this.config, ...(options.args ?? [])];
    this.#child = netns.spawn(process.execPath, args, options.environment);
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#log += text));
    this.#closed = finished(this.#child);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get log(): string {
    return this.#log;
  }

  /** Returns the changes from the --debug log, in order; the output of two `ip monitor` has no common order. */
  changes(): string[] {
    return [...this.#log.matchAll(/debug: ((?:route|policy-rule|endpoint) (?:add|delete)) /g)].map(
      ([, change]) => change!,
    );
  }

  get runs(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  configure(rules: Record<string, unknown> | string): void {
    writeFileSync(this.config, configurationText(rules), { mode: 0o644 });
  }

  /** Waits until the daemon answers, which it does after its first pass. */
  async started(): Promise<void> {
    await expect
      .poll(
        async () => {
          if (!this.runs) throw new Error(`the daemon ended: ${this.#log}`);
          return (await this.#asked())?.daemon?.pid;
        },
        { interval: 10 },
      )
      .toBe(this.pid);
  }

  /** Returns the output of `status --json`. */
  async status(): Promise<StatusDocument | null> {
    const answer = await this.#asked();
    if (answer) return answer;
    // Without a daemon the command needs the configuration itself.
    const { stdout, code } = await command(this.#netns, ['status', '--json', '--config', this.config]);
    return code === 0 ? (JSON.parse(stdout) as StatusDocument) : null;
  }

  /**
   * Asks as the command does, without the time for starting a process, and waits longer, since other tests may keep the
   * machine busy; null when no daemon answers.
   */
  async #asked(): Promise<StatusDocument | null> {
    const answer = await ask(this.#netns.control(), { ask: 'status' }, 20_000).catch((error: unknown) => {
      if (error instanceof ControlError) return null;
      throw error;
    });
    return (answer ?? null) as StatusDocument | null;
  }

  async uplink(address: string): Promise<UplinkDocument | undefined> {
    return (await this.status())?.uplinks.find((each) => each.address === address);
  }

  /** Returns `state: reason` for an address, or for an interface that has none. */
  async stateOf(name: string): Promise<string> {
    const uplinks = (await this.status())?.uplinks ?? [];
    const found =
      uplinks.find((each) => each.address === name) ?? uplinks.find((each) => each.interface === name);
    return found ? `${found.state}: ${found.reason}` : 'none';
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Sends SIGHUP and waits for the log line that the configuration is reloaded. */
  async reload(): Promise<void> {
    const times = (): number => this.#log.split('configuration reloaded').length;
    const before = times();
    this.signal('SIGHUP');
    await expect.poll(times).toBeGreaterThan(before);
  }

  async reconfigure(rules: Record<string, unknown> | string): Promise<void> {
    this.configure(rules);
    await this.reload();
  }

  /** Runs a command in the same namespace; `status` and `run` get the same configuration. */
  command(...args: string[]): Promise<Finished> {
    return command(this.#netns, args);
  }

  /** Ends the daemon and waits for its exit. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Finished> {
    if (this.runs) this.signal(signal);
    return this.#closed;
  }

  /** Waits until the daemon exits by itself. */
  finished(): Promise<Finished> {
    return this.#closed;
  }

  async end(): Promise<void> {
    await this.stop('SIGKILL');
    rmSync(this.config, { force: true });
  }
}
