/** The documents of `status` and `explain`. */
import * as z from 'zod';
import { PROBLEM_CODES } from '../../../src/messages/problem.ts';
import {
  count,
  counts,
  sentence,
  name,
  address,
  version,
  time,
  remedy,
  code,
  details,
  stays,
  uplinkKeys,
} from './fields.ts';

export const status = z.strictObject({
  version: version(1),
  daemon: z
    .strictObject({
      pid: count,
      paused: z.boolean().describe('Paused since "multihomed flush"'),
      dryRun: z.boolean(),
      overruns: count.describe('Number of times that events were lost'),
      counters: z
        .strictObject({
          since: time.describe('Start of the daemon'),
          passes: count.describe('Number of passes: the kernel was read and the plan made'),
          wakeUps: z.strictObject(counts('event', 'overrun', 'timer', 'request', 'reload')),
          events: z
            .strictObject(counts('link', 'address', 'route', 'rule', 'neighbour', 'nexthop'))
            .describe('rtnetlink messages that caused a new read'),
          actions: z.strictObject(counts('done', 'failed')).describe('Changes to the kernel'),
          restored: count.describe('Objects that another program had removed'),
        })
        .optional(),
      config: z.string().nullable().optional().describe("The file named by --config; null: the system's"),
    })
    .nullable()
    .describe('null: no daemon answered, and the kernel was read'),
  silent: z
    .strictObject({ pid: count.nullable() })
    .nullable()
    .describe('A daemon that listens and does not answer'),
  uplinks: z.array(z.strictObject(uplinkKeys)),
  limits: z.strictObject({ subflows: count, addAddrAccepted: count }),
  endpoints: z.strictObject({
    owned: count,
    foreign: count,
    slots: count.nullable().describe('Maximum of the kernel; null: not known'),
  }),
  problems: z.array(sentence),
  problemDetails: z
    .array(z.looseObject({ code: z.enum(PROBLEM_CODES), remedy }))
    .describe('The same problems, in the same order'),
});

export const explain = z.strictObject({
  version: version(1),
  daemon: z.boolean().describe('Whether the daemon answered'),
  interface: name,
  rules: z.array(
    z.strictObject({
      glob: z.string(),
      place: z.string().describe('FILE:LINE'),
      matches: z.boolean(),
      why: sentence,
    }),
  ),
  uplinks: z.array(
    z.strictObject({
      address: address.nullable(),
      state: z.string(),
      reason: sentence,
      code,
      details,
      stays,
      steps: z.array(
        z.strictObject({
          name: z.string(),
          state: z.enum(['passed', 'stopped', 'ahead']),
          evidence: sentence,
        }),
      ),
      advice: sentence.nullable(),
      remedy,
    }),
  ),
  advice: sentence.nullable(),
});
