/** The documents of `endpoint` and `limits`, which are those of ip-mptcp(8). */
import * as z from 'zod';
import { FLAG_WORDS } from '../../../src/netlink/mptcp/flag-words.ts';
import { count, name, address } from './fields.ts';

/** The keys of `ip -j mptcp endpoint`, ip-mptcp(8), which have no version. */
export const endpoint = z.array(
  z.strictObject({
    address,
    port: z.int().optional(),
    id: count,
    ...Object.fromEntries(FLAG_WORDS.map((flag) => [flag, z.literal(true).optional()])),
    rawflags: z.string().optional().describe('Flags without a name, in hexadecimal'),
    dev: name.optional(),
  }),
);

/** The keys of `ip -j mptcp limits`. */
export const limits = z.array(z.strictObject({ add_addr_accepted: count, subflows: count }));
