/**
 * The shape of the configuration. Each `error` says what was expected. check.ts and validate.ts check what a schema
 * cannot express (the kernel's refusals, globs, durations, users); transforms and defaults are there too, so that
 * `z.toJSONSchema(configurationSchema)` can write the schema that editors read. Custom checks do not appear in that
 * schema, so the strings that they check get a `pattern` through `meta`.
 */
import * as z from 'zod';
import { ENDPOINT_FLAGS } from '../netlink/mptcp/flag-words.ts';
import { nearest } from './nearest.ts';
import { DURATION, probeSchema } from './probe-schema.ts';
import { quote } from './problem.ts';
import type { AddressChoice, Family } from './rule.ts';

const RULE_FLAGS = [...ENDPOINT_FLAGS, 'ignore'] as const;
const FAMILIES = ['ipv4', 'ipv6'] as const satisfies Family[];
const ADDRESSES = ['auto', 'stable', 'temporary', 'all'] as const satisfies AddressChoice[];

/** The kernel's RT_TABLE_MAX. 0 is "unspecified"; 253 to 255 are default, main and local (rtnetlink.h). */
const MAX_TABLE = 2 ** 32 - 1;

/** Endpoint ids are one byte, from 1 to 255. */
const MAX_ENDPOINTS = 255;

const oneOf = (words: readonly string[]): string => `one of ${words.join(', ')}`;

const choice = <const T extends readonly [string, ...string[]]>(words: T) =>
  z.enum(words, { error: oneOf(words) });

/** Parameters of an issue about a misspelt word, in addition to its message. */
export interface WordParams {
  readonly found: string;
  readonly hint: string | null;
}

/** Words in one string, separated by spaces or commas, or in a list. */
const words = <const T extends readonly [string, ...string[]]>(list: T, what: string) => {
  const expected = `${what}: ${list.join(', ')}`;
  const text = z
    .string({ error: expected })
    .check((context) => {
      const found = splitWords(context.value);
      if (found.length === 0) {
        context.issues.push({ code: 'custom', input: context.value, message: expected });
      }
      for (const word of found) {
        if (list.includes(word)) continue;
        const params: WordParams = { found: quote(word), hint: nearest(word, list) };
        context.issues.push({ code: 'custom', input: context.value, message: expected, params });
      }
    })
    .meta({ pattern: `^[ ,]*(?:${list.join('|')})(?:[ ,]+(?:${list.join('|')}))*[ ,]*$` });
  return z.union([text, someOf(z.enum(list, { error: expected }), expected)], {
    error: expected,
  });
};

/** The words of a string or list, each once. */
export function splitWords(value: string | readonly string[]): string[] {
  const list = typeof value === 'string' ? value.split(/[\s,]+/) : value;
  return [...new Set(list.filter((word) => word !== ''))];
}

/**
 * A list of at least one element. It does not use Zod's own length bounds, because they are compared before the type is
 * known and throw for a map with a key `length` whose value is a map.
 */
const someOf = <Each extends z.ZodType>(each: Each, error: string) =>
  z
    .array(each, { error })
    .refine((list) => list.length > 0, { error })
    .meta({ minItems: 1 });

const whole = (low: number, high: number, error: string) =>
  z.int({ error }).min(low, { error }).max(high, { error });

const flag = z.boolean({ error: 'true or false' });

const flagWords = words(RULE_FLAGS, 'one or more of');

const PORT = 'a port from 1 to 65535';
const PER_INTERFACE = `a number from 1 to ${MAX_ENDPOINTS}, or all`;
const TABLE = `auto, or a number from 1 to ${MAX_TABLE} other than 253 to 255`;
const GLOB = 'a glob, such as "cdc_*|qmi_wwan"';

export const MATCH = 'a map with "driver", "mac-address" or "path"';
const MATCH_KEYS = ['driver', 'mac-address', 'path'] as const;
const MAC_GLOB = 'a glob, such as "0c:5b:8f:*"';
const PATH_GLOB = 'a glob, such as "pci-*-usb-*"';

const matchSchema = z
  .strictObject(
    {
      driver: z.string({ error: GLOB }).describe('The name of the driver').optional(),
      'mac-address': z.string({ error: MAC_GLOB }).describe('The hardware address').optional(),
      path: z
        .string({ error: PATH_GLOB })
        .describe('Where the device is plugged in: ID_PATH of udev')
        .optional(),
    },
    { error: MATCH },
  )
  .meta({ minProperties: 1 });

const ruleSchema = z.strictObject(
  {
    flags: flagWords.describe('Flags of the endpoint; ignore: the interface is not used'),
    port: whole(1, 65535, PORT).describe('Additional port that accepts subflows; requires signal').optional(),
    families: words(FAMILIES, 'one or both of').describe('In order of preference').optional(),
    addresses: choice(ADDRESSES).describe('Which IPv6 addresses are used').optional(),
    'per-interface': z
      .union([whole(1, MAX_ENDPOINTS, PER_INTERFACE), z.literal('all', { error: PER_INTERFACE })], {
        error: PER_INTERFACE,
      })
      .describe('Maximum number of endpoints of one family on one interface')
      .optional(),
    routing: choice(['policy', 'main'])
      .describe('policy: a routing table of its own and a policy rule; main: only the endpoint')
      .optional(),
    'check-route': flag.describe('false: the endpoint is added even without a default route').optional(),
    match: matchSchema.describe('Globs, each of which the interface must also match').optional(),
    driver: z.string({ error: GLOB }).describe('The same as driver in match').optional(),
    table: z
      .union([z.literal('auto', { error: TABLE }), whole(1, MAX_TABLE, TABLE)], { error: TABLE })
      .describe('Number of the routing table; auto: a table of its own for the interface')
      .optional(),
    'link-local': flag
      .describe('true: link-local addresses are also used; only for one interface, by its name')
      .optional(),
    tunnel: choice(['respect', 'bypass'])
      .describe(
        'respect: no endpoint while a VPN takes all traffic; bypass: the uplink is used outside of the VPN',
      )
      .optional(),
  },
  { error: 'flags, a list of flags, or a map with "flags"' },
);

export const ruleValueSchema = z.union([flagWords, ruleSchema], {
  error: 'flags, a list of flags, or a map with "flags"',
});

const LIMIT = `a number from 0 to ${MAX_ENDPOINTS}`;
const LIMITS = 'auto, leave, or a map with "subflows" or "add-addr-accepted"';
export const limitsSchema = z.union(
  [
    choice(['auto', 'leave']),
    z.strictObject(
      {
        subflows: whole(0, MAX_ENDPOINTS, LIMIT).optional(),
        'add-addr-accepted': whole(0, MAX_ENDPOINTS, LIMIT).optional(),
      },
      { error: LIMITS },
    ),
  ],
  { error: LIMITS },
);

const TIMEOUT = 'a duration of at most 24h, such as 30s, 500ms or 2m';
const USER = 'the name or number of a user';
const FOLDER = 'an absolute folder, or a list of them';
const folder = z.string({ error: FOLDER }).regex(/^\/[^\0]*$/, { error: FOLDER });
export const hooksSchema = z.strictObject(
  {
    timeout: z
      .union(
        [
          z.number({ error: TIMEOUT }).positive({ error: TIMEOUT }),
          z.string({ error: TIMEOUT }).regex(DURATION, { error: TIMEOUT }),
        ],
        { error: TIMEOUT },
      )
      .describe('Time limit of a hook; a number is in seconds')
      .optional(),
    user: z
      .union(
        [
          z
            .string({ error: USER })
            .refine((name) => name !== '', { error: USER })
            .meta({ minLength: 1 }),
          z.int({ error: USER }).min(0, { error: USER }),
        ],
        {
          error: USER,
        },
      )
      .describe('The user that hooks run as')
      .optional(),
    path: z
      .union([folder, someOf(folder, FOLDER)], { error: FOLDER })
      .describe('Folders of hooks, in order of precedence')
      .optional(),
  },
  { error: 'a map with "timeout", "user" or "path"' },
);

const FACTOR = 'a number from 2 to 100';
const MARGIN = 'a duration from 20ms to 60s, such as 50ms';
export const healthSchema = z.strictObject(
  {
    detect: flag.describe('false: do not detect paths that fail while the link has carrier').optional(),
    'rtt-factor': z
      .number({ error: FACTOR })
      .min(2, { error: FACTOR })
      .max(100, { error: FACTOR })
      .describe('Round-trip times until an answer is overdue')
      .optional(),
    margin: z
      .string({ error: MARGIN })
      .regex(DURATION, { error: MARGIN })
      .describe('Time in addition to the round-trip times')
      .optional(),
    probe: probeSchema.describe('Packets that are sent to find out whether paths work').optional(),
  },
  { error: 'a map with "detect", "rtt-factor", "margin" or "probe"' },
);

/** The whole of config.yaml. A drop-in may have only `rules`. */
export const configurationSchema = z.strictObject({
  rules: z
    .record(z.string(), ruleValueSchema)
    .describe('Globs of interfaces and their actions; the first glob that matches decides')
    .optional(),
  limits: limitsSchema.optional(),
  hooks: hooksSchema.optional(),
  health: healthSchema.optional(),
});

export type RuleShape = z.infer<typeof ruleSchema>;
export type HooksShape = z.infer<typeof hooksSchema>;
export type HealthShape = z.infer<typeof healthSchema>;

/** The keys that a map may have, by the path of keys that leads to it from a rule, `limits`, `hooks` or `health`. */
export const KEYS = {
  top: Object.keys(configurationSchema.shape),
  rule: Object.keys(ruleSchema.shape),
  match: MATCH_KEYS,
  limits: ['subflows', 'add-addr-accepted'],
  hooks: Object.keys(hooksSchema.shape),
  health: Object.keys(healthSchema.shape),
  probe: Object.keys(probeSchema.shape),
} as const;
