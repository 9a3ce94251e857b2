/** Formats amounts in few characters. */

const PREFIXES = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** Powers of 1000, three digits: `0 B`, `999 B`, `1.23 kB`, `45.6 MB`; at most 7 characters. */
export function bytes(amount: number): string {
  let value = Math.max(0, amount);
  let at = 0;
  // A value that would be rounded to 1000 gets the next prefix.
  while (value >= 999.5 && at < PREFIXES.length - 1) {
    value /= 1000;
    at++;
  }
  const digits = at === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${PREFIXES[at]}`;
}

export const perSecond = (rate: number): string => `${bytes(rate)}/s`;

/** Formats microseconds: `87 us`, `2.5 ms`, `120 ms`, `3.2 s`; with µ if the terminal has it. */
export function roundTrip(microseconds: number, { unicode }: { readonly unicode: boolean }): string {
  if (microseconds < 1000) return `${microseconds} ${unicode ? 'µs' : 'us'}`;
  const milliseconds = microseconds / 1000;
  if (milliseconds < 9.95) return `${milliseconds.toFixed(1)} ms`;
  return milliseconds < 999.5 ? `${milliseconds.toFixed(0)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}

/** Formats an age in milliseconds: `now`, `12 s`, `3 min`, `2 h`. */
export function ago(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 1) return 'now';
  if (seconds < 100) return `${seconds} s ago`;
  const minutes = Math.round(seconds / 60);
  return minutes < 100 ? `${minutes} min ago` : `${Math.round(minutes / 60)} h ago`;
}

/** Formats a count in few characters: `12`, `9999`, `12k`. */
export const compact = (amount: number): string =>
  amount < 10_000
    ? `${amount}`
    : amount < 999_500
      ? `${Math.round(amount / 1000)}k`
      : `${Math.round(amount / 1e6)}M`;
