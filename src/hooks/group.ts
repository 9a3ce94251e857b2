/** A program and its process group, from its start until its process number can be reused. */
import { readdirSync, readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { exitOf, reap, spawnGroup, type ChildExit } from '../system/addon.ts';

/** How often a group is checked after SIGTERM. */
const POLL_MS = 50;

export interface Exit {
  readonly status: number | null;
  /** The signal's name, such as SIGKILL. */
  readonly signal: string | null;
}

export interface GroupOptions {
  readonly fd: number;
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** null: the identity of this process. */
  readonly identity: { readonly uid: number; readonly gid: number } | null;
}

/**
 * Only `release` reaps the leader. Until then the leader's number cannot be reused for another process or group, even
 * after the leader has exited and the group is empty, so a signal can only reach this group.
 */
export class ProcessGroup {
  readonly stdout: Socket;
  readonly stderr: Socket;
  /** Resolves when the leader has exited; other members of its group may still run. */
  readonly exited: Promise<Exit>;
  readonly #leader: number;
  #released = false;

  /** @throws SystemError when the program cannot be executed */
  constructor({ fd, argv, environment, identity }: GroupOptions) {
    const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
    // The watch starts before the child; otherwise its exit could be missed.
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
   * Sends SIGTERM to the group, and SIGKILL to the members that are left after `graceMs`. Resolves when the group has
   * no running process or has been sent SIGKILL.
   */
  async end(graceMs: number): Promise<void> {
    this.#signal('SIGTERM');
    // A stopped process handles SIGTERM only after it continues.
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
      // EPERM: the remaining members run as another user, and this process is not root.
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ESRCH' && code !== 'EPERM') throw error;
    }
  }
}

/** Called at each SIGCHLD. One listener serves all groups, since Node warns when there are many. */
const watchers = new Set<() => void>();
const checkAll = (): void => {
  for (const check of watchers) check();
};

function watch(check: () => void): void {
  if (watchers.size === 0) process.on('SIGCHLD', checkAll);
  watchers.add(check);
}

function unwatch(check: () => void): void {
  watchers.delete(check);
  if (watchers.size === 0) process.off('SIGCHLD', checkAll);
}

/** Resolves with the exit of the child whose number `settle` gets; `settle(null)` means that there is no child. */
function watchExits(): { promise: Promise<Exit>; settle: (pid: number | null) => void } {
  let watched: number | null = null;
  let resolve!: (exit: Exit) => void;
  const promise = new Promise<Exit>((fulfil) => (resolve = fulfil));
  const check = (): void => {
    const exit = watched === null ? null : exitOf(watched);
    if (exit === null) return;
    unwatch(check);
    resolve(named(exit));
  };
  watch(check);
  return {
    promise,
    settle(pid) {
      watched = pid;
      if (pid === null) unwatch(check);
      else check();
    },
  };
}

function named({ status, signal }: ChildExit): Exit {
  const name = Object.entries(constants.signals).find(([, number]) => number === signal)?.[0];
  return { status, signal: signal === null ? null : (name ?? `signal ${signal}`) };
}

/** Returns whether a process of the group runs, ignoring its zombie leader; true when this cannot be determined. */
function hasRunningMember(group: number): boolean {
  let processes: string[];
  try {
    processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return true;
  }
  // Without this namespace's /proc, not even this process is listed.
  if (!processes.includes(String(process.pid))) return true;
  return processes.some((pid) => {
    const { state, processGroup } = readStat(pid);
    return processGroup === group && state !== 'Z' && state !== 'X';
  });
}

/** proc_pid_stat(5): "pid (name) state ppid pgrp ..."; the name may contain any character, including brackets. */
function readStat(pid: string): { state: string; processGroup: number } {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const [state = '', , group] = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { state, processGroup: Number(group) };
  } catch {
    // The process has ended.
    return { state: 'X', processGroup: 0 };
  }
}
