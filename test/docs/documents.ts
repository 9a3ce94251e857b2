/** The output of each command with --json, from which docs/json/ is written. */
import * as z from 'zod';
import { check, flush, plan, reload } from './documents/changes.ts';
import { demo } from './documents/demo.ts';
import { doctor } from './documents/doctor.ts';
import { version } from './documents/fields.ts';
import { endpoint, limits } from './documents/ip-mptcp.ts';
import { monitor } from './documents/monitor.ts';
import { explain, status } from './documents/status.ts';
import { watch } from './documents/watch.ts';

/** Schemas by the name of the command. */
export const DOCUMENTS = {
  ...{ status, explain, plan, flush, reload, check, doctor, monitor, watch, endpoint, limits, demo },
  version: z.strictObject({ version: version(1), multihomed: z.string() }),
} as const;
