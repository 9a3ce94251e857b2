/** The documents of `demo`, one per line. */
import * as z from 'zod';
import { SCENES } from '../../../src/demo/fact.ts';
import { count, sentence, name, address, flags, version, rule, bytes } from './fields.ts';

const at = z.number().min(0).describe('Milliseconds since the start of the demo, by one clock');
const scene = z.enum(SCENES);
const counters = z.strictObject({ received: bytes, sent: bytes }).describe('Since the link was made');
const fact = <K extends string, S extends z.ZodRawShape>(kind: K, keys: S) =>
  z.strictObject({ version: version(1), at, kind: z.literal(kind), ...keys });

export const demo = z
  .discriminatedUnion('kind', [
    fact('scene', { name: scene, text: sentence }),
    fact('link', { interface: name, state: z.enum(['carrier', 'no carrier', 'gone']) }),
    fact('route', { interface: name, gateway: address.nullable() }).describe('A default route in main'),
    fact('uplink', {
      interface: name,
      address: address.nullable(),
      state: z.string().describe('As multihomed(8) lists them'),
      reason: sentence,
      rule: rule.nullable(),
      flags,
      endpoint: count.nullable().describe('Its id'),
    }),
    fact('subflow', {
      side: z.enum(['laptop', 'server']).describe('The host whose kernel reported it'),
      event: z.enum(['established', 'closed']),
      initial: z.boolean().describe("The connection's first subflow"),
      interface: name,
      laptop: address,
      server: address,
      backup: z.boolean().nullable().describe('Whether the other end asked for it to be a backup'),
      error: count.nullable().describe('Number of the errno that ended it'),
    }),
    fact('hook', { hook: z.string(), interface: name, action: z.string(), text: z.string() }),
    fact('log', { priority: z.int().min(0).max(7).describe('As in syslog(3)'), text: sentence }),
    fact('sample', { links: z.record(z.string(), counters), checked: bytes }),
    fact('arrivals', {
      log: z
        .array(z.tuple([z.number(), bytes]))
        .describe('By the receiver: milliseconds since its start, bytes'),
    }),
    fact('figure', {
      scene,
      name: z
        .enum(['join', 'stall', 'stalls'])
        .describe(
          'join: from a usable path to the subflow; stall: the longest time between two arrivals; stalls: the sum of all gaps of 100 ms or more',
        ),
      interface: name,
      milliseconds: z.number(),
      from: z.number(),
      to: z.number(),
      window: z.tuple([z.number(), z.number()]).optional(),
      count: count.describe('Number of stalls').optional(),
    }),
    fact('end', {
      received: bytes,
      sent: bytes,
      blocks: count,
      duration: z.number().describe('Milliseconds from the first arrival to the last'),
      links: z.record(z.string(), counters),
    }),
    fact('failure', { reason: z.enum(['mptcp', 'fault']), text: sentence }),
  ])
  .describe('One document per line');
