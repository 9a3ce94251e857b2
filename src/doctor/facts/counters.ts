/** Reads the MPTCP counters: two lines of /proc/net/netstat, names and numbers. */
import { readFileSync } from 'node:fs';

const PREFIX = 'MPTcpExt: ';

export function readCounters(unread: string[]): ReadonlyMap<string, number> | null {
  try {
    return parseCounters(readFileSync('/proc/self/net/netstat', 'utf8'));
  } catch (error) {
    unread.push(`The kernel's counters could not be read (${(error as NodeJS.ErrnoException).code}).`);
    return null;
  }
}

/** null when the text has no MPTCP counters. */
export function parseCounters(text: string): ReadonlyMap<string, number> | null {
  const lines = text.split('\n').filter((line) => line.startsWith(PREFIX));
  const [names, numbers] = lines.map((line) => line.slice(PREFIX.length).split(' '));
  if (!names || !numbers) return null;
  return new Map(names.map((name, at) => [name, Number(numbers[at] ?? 0)]));
}
