/** Keys that have the same meaning in several documents. */
import * as z from 'zod';
import { REASON_CODES, STAY_CODES } from '../../../src/messages/reason.ts';
import { ENDPOINT_FLAGS } from '../../../src/netlink/mptcp/flag-words.ts';
import { RETRY_OBSTACLES } from '../../../src/plan/uplink.ts';

export const count = z.int().min(0);
export const counts = (...names: readonly string[]): Record<string, typeof count> =>
  Object.fromEntries(names.map((name) => [name, count]));
export const sentence = z.string().describe('For people; its words may change');
export const name = z.string().describe('Name of an interface');
export const address = z.string().describe('IPv4, or IPv6 as in RFC 5952; without a prefix length');
export const flags = z.array(z.enum(ENDPOINT_FLAGS).or(z.string()));
export const version = (number: number) =>
  z.literal(number).describe('Increases when a key changes its meaning or is removed');
export const time = z.int().min(0).describe('Milliseconds since 1970-01-01 00:00 UTC');
export const token = z
  .string()
  .regex(/^[0-9a-f]{8}$/)
  .describe("The connection's token on this host (RFC 8684): eight hexadecimal digits");
export const side = z.strictObject({ address, port: z.int().min(0).max(65535) });
export const rate = z.strictObject({ in: count.describe('bit/s'), out: count.describe('bit/s') });

export const remedy = z
  .array(
    z.strictObject({
      argv: z.array(z.string()),
      output: z.string().optional().describe('File to which its standard output goes'),
    }),
  )
  .nullable()
  .describe(
    'Commands to run in order, each only if the previous one succeeded; null: no command can be printed',
  );
export const code = z.enum(REASON_CODES).describe('Stable; the list is in docs/json.md');
export const details = z
  .record(z.string(), z.unknown())
  .describe('What the reason names: interfaces, addresses, numbers; the keys depend on the code');
export const stays = z
  .looseObject({ code: z.enum(STAY_CODES) })
  .nullable()
  .describe('Until when the endpoint of a lingering or suspect uplink stays; null: it does not linger');

export const rule = z
  .strictObject({ glob: z.string(), file: z.string(), line: z.int() })
  .describe('The rule that selects the interface, and where it is written');

const failure = z.strictObject({ errno: z.string().describe('EHOSTUNREACH and so on'), time });

export const uplinkKeys = {
  interface: name,
  ifindex: z.int(),
  address: address.nullable().describe('null: the interface has none'),
  state: z.string().describe('As multihomed(8) lists them'),
  reason: sentence,
  code,
  details,
  stays,
  since: z.int().nullable().describe('Since when it has its state, in ms since 1970; null without a daemon'),
  rule: rule.nullable(),
  gateway: address.nullable(),
  metric: count.nullable(),
  table: count.nullable().describe('Its own routing table'),
  endpoint: z.strictObject({ id: count, flags }).nullable().describe('Its endpoint in the kernel'),
  flags: flags.describe('The flags that its endpoint should have'),
  subflows: z
    .strictObject({
      established: count,
      failed: count.describe('Joins that failed'),
      failing: count.describe('Joins that failed since the last one that succeeded'),
      lastFailure: failure.nullable(),
      lost: count.describe('Established subflows that ended by an error'),
      lastLoss: failure.nullable(),
      obstacle: z
        .enum(RETRY_OBSTACLES)
        .nullable()
        .describe('Why a lost subflow of an open connection is not opened again'),
    })
    .nullable()
    .describe('Since it became active; null: it is not active, or no daemon runs'),
  misrouted: z
    .strictObject({ destination: address, time })
    .nullable()
    .describe(
      'The last packets, within a minute, that did not reach the gateway although the route leads there, because a firewall may mark them; null: none, not IPv4, not active, or no daemon runs',
    ),
  suspect: z
    .strictObject({
      code: z
        .enum(['unanswered', 'silent', 'probe-failed'])
        .describe(
          'unanswered: data waited for an acknowledgement, and nothing arrived on the path; silent: data of the peers stopped, and a new subflow got no answer; probe-failed: no target of health.probe answered',
        ),
      unanswered: count.describe('How long, in milliseconds'),
      strikes: count.describe('Number of times in short succession'),
      pause: count.describe('Milliseconds before the path is tried again; grows with each strike'),
    })
    .nullable()
    .describe('Why its path is suspect; null: it is not'),
};

export const bytes = count.describe('Bytes');
