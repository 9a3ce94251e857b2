/** The test's side of shim.c: a file of 64-bit words that is mapped by a daemon with the shim preloaded. */
import { closeSync, openSync, readSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SOURCE = fileURLToPath(new URL('shim.c', import.meta.url));
/** In the order of struct words. */
const WORD = {
  ...{ classes: 0, left: 1, when: 2, wall: 3, monotonic: 4, stops: 5, halts: 6, points: 7, trace: 8 },
} as const;
const TRACED = 8192;
const BYTES = 8 * (WORD.trace + TRACED);

/**
 * Points at which a daemon can be killed: a request that changes the kernel, one that only reads, a step of writing the
 * journal.
 */
export const CLASSES = { change: 1, question: 2, journal: 4 } as const;
export type Class = keyof typeof CLASSES;
export const MOMENTS = ['before', 'after', 'midst'] as const;
export type Moment = (typeof MOMENTS)[number];

export interface Point {
  readonly kind: Class;
  /** For example `route 24`, `mptcp 1`, `journal rename`. */
  readonly what: string;
}

const STEPS: Readonly<Record<string, string>> = { o: 'open', w: 'write', u: 'unlink', r: 'rename' };

/** Compiles with the compiler that builds the addon; its driver compiles C too. */
function compile(library: string): void {
  const compilers = process.env['CXX'] ? [process.env['CXX']] : ['g++', 'c++', 'clang++'];
  const flags = ['-x', 'c', '-shared', '-fPIC', '-O2', '-Wall', '-Wextra', '-Werror', '-o', library, SOURCE];
  for (const compiler of compilers) {
    const { status, stderr, error } = spawnSync(compiler, flags, { encoding: 'utf8' });
    if (status === 0) return;
    if ((error as NodeJS.ErrnoException | undefined)?.code !== 'ENOENT')
      throw new Error(`${compiler}: ${stderr || String(error)}`);
  }
  throw new Error(`no compiler: ${compilers.join(', ')}`);
}

export class Shim {
  readonly #fd: number;
  /** The environment of the daemon. */
  readonly environment: NodeJS.ProcessEnv;

  constructor(folder: string) {
    const library = join(folder, 'shim.so');
    const words = join(folder, 'words');
    compile(library);
    writeFileSync(words, '', { mode: 0o600 });
    truncateSync(words, BYTES);
    this.#fd = openSync(words, 'r+');
    this.environment = { LD_PRELOAD: library, MULTIHOMED_SHIM: words };
  }

  #set(word: number, value: bigint): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(value);
    writeSync(this.#fd, bytes, 0, 8, 8 * word);
  }

  #get(word: number): number {
    const bytes = Buffer.alloc(8);
    readSync(this.#fd, bytes, 0, 8, 8 * word);
    return Number(bytes.readBigUInt64LE());
  }

  /** Kills the daemon at the `left`th point of this class from now. */
  arm(kind: Class, left: number, moment: Moment): void {
    this.#set(WORD.left, 0n);
    this.#set(WORD.classes, BigInt(CLASSES[kind]));
    this.#set(WORD.when, BigInt(MOMENTS.indexOf(moment)));
    this.#set(WORD.left, BigInt(left));
  }

  /** Whether the daemon is stopped (SIGSTOP) before the point instead of being killed. */
  set stops(stops: boolean) {
    this.#set(WORD.stops, stops ? 1n : 0n);
  }

  disarm(): void {
    this.#set(WORD.left, 0n);
  }

  /** Whether a client is stopped (SIGSTOP) before it connects to a daemon. */
  set halts(halts: boolean) {
    this.#set(WORD.halts, halts ? 1n : 0n);
  }

  /** The number of points so far, of all classes. */
  get points(): number {
    return this.#get(WORD.points);
  }

  /** Resets the counters. */
  forget(): void {
    this.#set(WORD.points, 0n);
  }

  /** Returns the counters. */
  trace(): Point[] {
    const count = Math.min(this.points, TRACED);
    const bytes = Buffer.alloc(8 * count);
    readSync(this.#fd, bytes, 0, bytes.length, 8 * WORD.trace);
    return Array.from({ length: count }, (_, at) => pointOf(bytes.subarray(8 * at, 8 * at + 8)));
  }

  /** Shifts CLOCK_REALTIME by this number of milliseconds. */
  set wall(offset: number) {
    this.#set(WORD.wall, BigInt(Math.round(offset)) * 1_000_000n);
  }

  /** Shifts CLOCK_MONOTONIC by this number of milliseconds; a lower number than before means that it stood still. */
  set monotonic(offset: number) {
    this.#set(WORD.monotonic, BigInt(Math.round(offset)) * 1_000_000n);
  }

  close(): void {
    closeSync(this.#fd);
  }
}

function pointOf(bytes: Buffer): Point {
  const kind = (Object.keys(CLASSES) as Class[]).find((each) => CLASSES[each] === bytes[0])!;
  if (kind === 'journal') return { kind, what: `journal ${STEPS[String.fromCharCode(bytes[1]!)]}` };
  const [protocol, type, first] = [bytes[1]!, bytes.readUInt16LE(2), bytes[4]!];
  if (protocol === 0) return { kind, what: `route ${type} family ${first}` };
  return { kind, what: type === 16 ? 'controller' : `mptcp ${first}` };
}
