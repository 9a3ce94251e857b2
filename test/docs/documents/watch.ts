/** The documents of `watch`, one per line. */
import * as z from 'zod';
import { count, sentence, name, address, version, time, token, side, rate, bytes } from './fields.ts';

export const watch = z
  .strictObject({
    version: version(2),
    time,
    daemon: z.boolean(),
    paths: z.array(
      z.strictObject({
        interface: name,
        address: address.nullable(),
        state: z.string(),
        reason: sentence,
        subflows: count,
        rate,
      }),
    ),
    connections: z.array(
      z.strictObject({
        token,
        local: side,
        remote: side,
        fallback: z.boolean().describe('Plain TCP'),
        received: bytes,
        acked: bytes.describe('Bytes that the peer has acknowledged'),
        retransmits: count.describe('Segments that were sent again'),
        rate,
        subflows: z.array(
          z.strictObject({
            interface: name,
            local: side,
            remote: side,
            ids: z.strictObject({ local: count, remote: count }).describe('Address identifiers'),
            state: z.string().describe('As in ss(8)'),
            role: z.enum(['open', 'backup', 'opening', 'closing', 'stalled']),
            backup: z.strictObject({ local: z.boolean(), remote: z.boolean() }),
            rate,
            acked: bytes.optional().describe('Bytes that the peer has acknowledged'),
            received: bytes.optional(),
            rtt: count.optional().describe('Smoothed round-trip time in microseconds'),
            retransmits: count.optional(),
            timeouts: count.optional().describe('Consecutive retransmission timeouts'),
          }),
        ),
      }),
    ),
    problems: z.array(sentence),
  })
  .describe('One document per line');
