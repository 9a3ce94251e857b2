/** The documents of commands that read the configuration or change something: `plan`, `flush`, `reload`, `check`. */
import * as z from 'zod';
import { ACTION_CODES } from '../../../src/actions/action.ts';
import { count, sentence, version, rule } from './fields.ts';

const place = { file: z.string(), line: z.int(), column: z.int() };

export const plan = z.strictObject({
  version: version(1),
  paused: z
    .boolean()
    .describe('Paused since "multihomed flush": nothing is changed until "multihomed reload"'),
  actions: z.array(z.string()).describe('The changes, in order'),
  changes: z
    .array(z.looseObject({ code: z.enum(ACTION_CODES) }))
    .describe('The same changes, with the object of each as multihomed has it'),
});

export const flush = z.strictObject({
  version: version(1),
  done: z.array(z.string()).describe('The objects that were removed, in order'),
});

export const reload = z.strictObject({
  version: version(1),
  rules: count.describe('Number of rules that were read'),
  files: z.array(z.string()).describe('The files that were read'),
  warnings: z.array(sentence),
  done: z.array(z.string()).describe('The changes, in order'),
  undone: z.array(sentence).describe('Changes that the kernel refused'),
});

export const check = z.strictObject({
  version: version(1),
  valid: z.boolean(),
  errors: z.array(
    z.looseObject({ ...place, message: sentence, command: z.string().nullable().describe('Fixes it') }),
  ),
  rules: count.optional().describe('Number of rules; with errors, this key and those below are absent'),
  files: z.array(z.string()).optional(),
  warnings: z.array(sentence).optional(),
  unmatched: z.array(rule).optional().describe('Rules that match no interface of this host now'),
});
