/** Durations of the configuration. */
import { DURATION } from './probe-schema.ts';

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000 };

/**
 * Converts a duration to milliseconds; a number is in seconds. Null for zero or more than a day, and for other texts.
 */
export function milliseconds(duration: string | number): number | null {
  const [, amount = '', unit = 's'] = typeof duration === 'string' ? (DURATION.exec(duration) ?? []) : [];
  const value = Math.round(
    typeof duration === 'number' ? duration * 1000 : Number(amount) * (UNITS[unit] ?? NaN),
  );
  return value >= 1 && value <= 24 * 3_600_000 ? value : null;
}
