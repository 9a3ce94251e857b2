/** The document of `doctor`. */
import * as z from 'zod';
import { sentence, version, remedy } from './fields.ts';

const severity = z.enum(['ok', 'note', 'warning', 'fault']);

export const doctor = z.strictObject({
  version: version(1),
  worst: severity,
  findings: z.array(
    z.strictObject({
      severity,
      id: z.string().describe('Names the check, and its subject: reverse-path:eth0'),
      code: z.string().describe('The check: reverse-path'),
      subject: z.string().nullable().describe('The object of the finding: eth0; null: the host'),
      text: sentence,
      command: z.string().nullable().describe('Fixes it now, quoted for a shell'),
      remedy: remedy.describe('The command as arguments'),
      permanent: z.string().nullable().describe('Keeps it fixed after a reboot'),
      lasting: remedy.describe('The permanent command as arguments'),
    }),
  ),
  report: z.string().nullable().describe('The file of --report'),
});
