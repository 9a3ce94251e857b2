/** Turns `health: { probe }` into settings. */
import { milliseconds } from './duration.ts';
import type { PlainReader, YamlEntry } from './plain.ts';
import { PROBE_RANGES, type ProbeShape } from './probe-schema.ts';
import { parseTarget } from './probe-target.ts';
import { quote } from './problem.ts';
import type { ProbeSettings } from './rule.ts';

export const DEFAULT_PROBE: Omit<ProbeSettings, 'track'> = {
  interval: 10_000,
  timeout: 4_000,
  up: 3,
  down: 3,
};

/** Adds what the schema cannot express to the reader's problems. `entry`: of `health`. */
export function readProbe(
  reader: PlainReader,
  { value }: YamlEntry,
  shape: ProbeShape | undefined,
): ProbeSettings | null {
  if (!shape) return null;
  const duration = (key: 'interval' | 'timeout', fallback: number): number => {
    const text = shape[key];
    if (text === undefined) return fallback;
    const { low, high, error } = PROBE_RANGES[key];
    const read = milliseconds(text);
    if (read !== null && read >= low && read <= high) return read;
    reader.problem(reader.locate(value, ['probe', key]), quote(text), error);
    return fallback;
  };
  const interval = duration('interval', DEFAULT_PROBE.interval);
  const timeout = duration('timeout', Math.min(interval, DEFAULT_PROBE.timeout));
  if (timeout > interval) {
    const at = reader.locate(value, ['probe', 'timeout']);
    reader.problem(at, quote(shape.timeout ?? ''), `at most the interval, which is ${interval / 1000}s`);
  }
  const track = (typeof shape.track === 'string' ? [shape.track] : shape.track).flatMap(
    (text) => parseTarget(text) ?? [],
  );
  const { up = DEFAULT_PROBE.up, down = DEFAULT_PROBE.down } = shape;
  return { track, interval, timeout, up, down };
}
