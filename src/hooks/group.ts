/** A program and its process group, from its start until its number is free for others. */
import { readdirSync, readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { exitOf, reap, spawnGroup, type ChildExit } from '../system/addon.ts';

/** How often a group that was sent SIGTERM is looked at. */
const POLL_MS = 50;

export interface Exit {
  readonly status: number | null;
  /** Such as SIGKILL. */
  readonly signal: string | null;
}

export interface GroupOptions {
  readonly fd: number;
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** null: as this process. */
  readonly identity: { readonly uid: number; readonly gid: number } | null;
}

/**
 * Its leader is reaped by `release` alone. Until then the leader's number cannot become that of another process or group,
 * even when the leader has exited and its group is empty: a signal reaches this group or none.
 */
export class ProcessGroup {
  readonly stdout: Socket;
  readonly stderr: Socket;
  /** When the leader has exited; the others of its group may still run. */
  readonly exited: Promise<Exit>;
  readonly #leader: number;
  #released = false;

  /** @throws SystemError when the program cannot be executed */
  constructor({ fd, argv, environment, identity }: GroupOptions) {
    const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
    // Before the child: its exit could be missed otherwise.
    const { promise, settle } = watchExits();
    try {
      const child = spawnGroup(fd, argv, variables, identity);
      this.#leader = child.pid;
      this.stdout = new Socket({ fd: child.stdout, readable: true, writable: false });
      this.stderr = new Socket({ fd: child.stderr, readable: true, writable: false });
    } catch (error) {
      settle(null);
      throw error;
    }
    settle(this.#leader);
    this.exited = promise;
  }

  /**
   * Sends SIGTERM to the group, and SIGKILL to what is left of it after `graceMs`. Resolves when the group has no running
   * process or has been sent SIGKILL.
   */
  async end(graceMs: number): Promise<void> {
    this.#signal('SIGTERM');
    // A stopped process takes no SIGTERM before it continues.
    this.#signal('SIGCONT');
    const deadline = performance.now() + graceMs;
    while (performance.now() < deadline) {
      await sleep(Math.min(POLL_MS, graceMs));
      if (!hasRunningMember(this.#leader)) return;
    }
    this.#signal('SIGKILL');
  }

  /** Reaps the leader, which must have exited. No signal is sent after this. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    reap(this.#leader);
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.#released) return;
    try {
      process.kill(-this.#leader, signal);
    } catch (error) {
      // EPERM: all that is left of it has become another user, and this process is not root.
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ESRCH' && code !== 'EPERM') throw error;
    }
  }
}

/** Called at each SIGCHLD; one listener for all, since Node warns of many. */
const watchers = new Set<() => void>();
const lookAtAll = (): void => {
  for (const look of watchers) look();
};

function watch(look: () => void): void {
  if (watchers.size === 0) process.on('SIGCHLD', lookAtAll);
  watchers.add(look);
}

function unwatch(look: () => void): void {
  watchers.delete(look);
  if (watchers.size === 0) process.off('SIGCHLD', lookAtAll);
}

/** Resolves with the exit of the child that `settle` names; null: there is no child. */
function watchExits(): { promise: Promise<Exit>; settle: (pid: number | null) => void } {
  let watched: number | null = null;
  let resolve!: (exit: Exit) => void;
  const promise = new Promise<Exit>((fulfil) => (resolve = fulfil));
  const look = (): void => {
    const exit = watched === null ? null : exitOf(watched);
    if (exit === null) return;
    unwatch(look);
    resolve(named(exit));
  };
  watch(look);
  return {
    promise,
    settle(pid) {
      watched = pid;
      if (pid === null) unwatch(look);
      else look();
    },
  };
}

function named({ status, signal }: ChildExit): Exit {
  const name = Object.entries(constants.signals).find(([, number]) => number === signal)?.[0];
  return { status, signal: signal === null ? null : (name ?? `signal ${signal}`) };
}

/** Whether a process of the group runs; true where that cannot be read. The zombie that its leader is does not count. */
function hasRunningMember(group: number): boolean {
  let processes: string[];
  try {
    processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return true;
  }
  // Without /proc of this namespace there is not even this process.
  if (!processes.includes(String(process.pid))) return true;
  return processes.some((pid) => {
    const { state, processGroup } = readStat(pid);
    return processGroup === group && state !== 'Z' && state !== 'X';
  });
}

/** proc_pid_stat(5): "pid (name) state ppid pgrp ..."; a name may hold anything, brackets too. */
function readStat(pid: string): { state: string; processGroup: number } {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const [state = '', , group] = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { state, processGroup: Number(group) };
  } catch {
    // It has ended.
    return { state: 'X', processGroup: 0 };
  }
}
