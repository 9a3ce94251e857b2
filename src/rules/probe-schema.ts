/** The shape of `health: { probe }`; see schema.ts. */
import * as z from 'zod';
import { parseTarget } from './probe-target.ts';

export const DURATION = /^(\d{1,9}(?:\.\d{1,3})?) ?(ms|s|m|min|h)$/;

/** Milliseconds, and the words for them. */
export const PROBE_RANGES = {
  interval: { low: 1_000, high: 24 * 3_600_000, error: 'a duration from 1s to 24h, such as 10s' },
  timeout: { low: 100, high: 60_000, error: 'a duration from 100ms to 60s, such as 4s' },
} as const;

const MAX_TARGETS = 16;
const MAX_COUNT = 100;
const TARGET = 'an address (192.0.2.1), tcp://ADDRESS:PORT or http://ADDRESS/PATH; names are not resolved';
const TRACK = `one target or a list of 1 to ${MAX_TARGETS}, each ${TARGET}`;
const COUNT = `a number from 1 to ${MAX_COUNT}`;
const PROBE = 'a map with "track", and with "interval", "timeout", "up" or "down"';

const target = z.string({ error: TARGET }).refine((text) => parseTarget(text) !== null, { error: TARGET });
const duration = (error: string) => z.string({ error }).regex(DURATION, { error });
const count = z.int({ error: COUNT }).min(1, { error: COUNT }).max(MAX_COUNT, { error: COUNT });

export const probeSchema = z.strictObject(
  {
    track: z
      .union(
        [
          target,
          z
            .array(target, { error: TRACK })
            .refine((list) => list.length > 0 && list.length <= MAX_TARGETS, { error: TRACK })
            .meta({ minItems: 1, maxItems: MAX_TARGETS }),
        ],
        { error: TRACK },
      )
      .describe('Addresses (ICMP echo), or URLs with tcp or http; a path works if one of them answers'),
    interval: duration(PROBE_RANGES.interval.error).describe('Time between two probes').optional(),
    timeout: duration(PROBE_RANGES.timeout.error).describe('Until an answer is overdue').optional(),
    up: count.describe('Probes that must be answered before a suspect uplink is used again').optional(),
    down: count.describe('Probes without an answer after which an uplink is suspect').optional(),
  },
  { error: PROBE },
);

export type ProbeShape = z.infer<typeof probeSchema>;
