/** The documents of `monitor`, one per line. */
import * as z from 'zod';
import { count, name, version, time, token, side, uplinkKeys } from './fields.ts';

const uplinkChange = z.strictObject({
  version: version(1),
  time,
  event: z.literal('uplink'),
  ...uplinkKeys,
  state: z.string().describe('"gone": it no longer exists'),
  was: z.string().nullable().describe('The previous state; null: it is new'),
});

const mptcpEvent = z.strictObject({
  version: version(1),
  time,
  event: z.enum([
    ...(['created', 'established', 'closed', 'announced', 'removed'] as const),
    ...([
      'subflow-established',
      'subflow-closed',
      'subflow-priority',
      'listener-created',
      'listener-closed',
    ] as const),
  ]),
  token: token.nullable().describe('null for listeners'),
  localId: count.nullable(),
  remoteId: count.nullable(),
  local: side.nullable(),
  remote: side.nullable(),
  backup: z.boolean().nullable().describe('The peer asked for a backup'),
  ifindex: z.int().nullable().describe('Of a subflow that is bound to a device'),
  serverSide: z.boolean(),
  interface: name.nullable(),
  error: z.string().nullable().describe('Name of the errno that ended a subflow'),
});

export const monitor = z.union([uplinkChange, mptcpEvent]).describe('One document per line');
