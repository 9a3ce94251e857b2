/** The output of each command with --json, from which docs/json/ is written. */
import * as z from 'zod';
import { REASON_CODES, STAY_CODES } from '../../src/messages/reason.ts';
import { PROBLEM_CODES } from '../../src/messages/problem.ts';
import { ACTION_CODES } from '../../src/actions/action.ts';

const count = z.int().min(0);
const counts = (...names: readonly string[]): Record<string, typeof count> =>
  Object.fromEntries(names.map((name) => [name, count]));
const sentence = z.string().describe('For people; its words may change');
const name = z.string().describe('Name of an interface');
const address = z.string().describe('IPv4, or IPv6 as in RFC 5952; without a prefix length');
const flags = z.array(z.enum(['signal', 'subflow', 'backup', 'fullmesh', 'laminar']).or(z.string()));
const version = (number: number) =>
  z.literal(number).describe('Grows when a key changes its meaning or goes');
const time = z.int().min(0).describe('Milliseconds since 1970-01-01 00:00 UTC');
const token = z
  .string()
  .regex(/^[0-9a-f]{8}$/)
  .describe("The connection's token on this host (RFC 8684): eight hexadecimal digits");
const side = z.strictObject({ address, port: z.int().min(0).max(65535) });
const rate = z.strictObject({ in: count.describe('bit/s'), out: count.describe('bit/s') });

const remedy = z
  .array(
    z.strictObject({
      argv: z.array(z.string()),
      output: z.string().optional().describe('File to which its standard output goes'),
    }),
  )
  .nullable()
  .describe('Commands, one after the other while each succeeds; null: none can be run as it is');
const code = z.enum(REASON_CODES).describe('Stable; the list is in docs/json.md');
const details = z
  .record(z.string(), z.unknown())
  .describe('What the reason names: interfaces, addresses, numbers; the keys depend on the code');
const stays = z
  .looseObject({ code: z.enum(STAY_CODES) })
  .nullable()
  .describe('Until when the endpoint of a lingering or suspect uplink stays; null: it does not linger');

const rule = z
  .strictObject({ glob: z.string(), file: z.string(), line: z.int() })
  .describe('The rule that selects the interface, and where it is written');

const uplinkKeys = {
  interface: name,
  ifindex: z.int(),
  address: address.nullable().describe('null where the interface has none'),
  state: z.string().describe('As multihomed(8) lists them'),
  reason: sentence,
  code,
  details,
  stays,
  since: z
    .int()
    .nullable()
    .describe('When the daemon saw it enter its state, in ms since the epoch; null without a daemon'),
  rule: rule.nullable(),
  gateway: address.nullable(),
  metric: count.nullable(),
  table: count.nullable().describe('Its own routing table'),
  endpoint: z.strictObject({ id: count, flags }).nullable().describe('The one in place'),
  flags: flags.describe('Those that its endpoint is to have'),
  subflows: z
    .strictObject({
      established: count,
      failed: count.describe('Joins that never came about'),
      failing: count.describe('Of these, since one was established last'),
      lastFailure: z.strictObject({ errno: z.string().describe('EHOSTUNREACH and so on'), time }).nullable(),
    })
    .nullable()
    .describe('Since it became active; null where it is not, and without a daemon'),
  suspect: z
    .strictObject({
      code: z
        .literal('unanswered')
        .describe('Data waited for an acknowledgement, and nothing arrived on the path'),
      unanswered: count.describe('How long, in milliseconds'),
      strikes: count.describe('How many times in short succession'),
      pause: count.describe('Milliseconds before the path is tried again; grows with each strike'),
    })
    .nullable()
    .describe('Why its path is suspect; null: it is not'),
};

export const status = z.strictObject({
  version: version(1),
  daemon: z
    .strictObject({
      pid: count,
      paused: z.boolean().describe('Paused since "multihomed flush"'),
      dryRun: z.boolean(),
      overruns: count.describe('How often events were lost'),
      counters: z
        .strictObject({
          since: time.describe('Start of the daemon'),
          passes: count.describe('How often it read the kernel and planned'),
          wakeUps: z.strictObject(counts('event', 'overrun', 'timer', 'request', 'reload')),
          events: z
            .strictObject(counts('link', 'address', 'route', 'rule', 'neighbour', 'nexthop'))
            .describe('rtnetlink messages that made it read something again'),
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
    slots: count.nullable().describe('How many the kernel holds; null: not known'),
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

export const plan = z.strictObject({
  version: version(1),
  paused: z.boolean().describe('Since "multihomed flush": nothing is made until "multihomed reload"'),
  actions: z.array(z.string()).describe('One change each, in order'),
  changes: z
    .array(z.looseObject({ code: z.enum(ACTION_CODES) }))
    .describe('The same changes, with the object of each as multihomed has it'),
});

export const flush = z.strictObject({
  version: version(1),
  done: z.array(z.string()).describe('What was removed, one change each, in order'),
});

export const reload = z.strictObject({
  version: version(1),
  rules: count.describe('How many were read'),
  files: z.array(z.string()).describe('From which'),
  warnings: z.array(sentence),
  done: z.array(z.string()).describe('What was changed, one change each, in order'),
  undone: z.array(sentence).describe('What the kernel refused'),
});

const place = { file: z.string(), line: z.int(), column: z.int() };

export const check = z.strictObject({
  version: version(1),
  valid: z.boolean(),
  errors: z.array(
    z.looseObject({ ...place, message: sentence, command: z.string().nullable().describe('Fixes it') }),
  ),
  rules: count.optional().describe('How many; absent where there are errors, as are the keys below'),
  files: z.array(z.string()).optional(),
  warnings: z.array(sentence).optional(),
  unmatched: z.array(rule).optional().describe('Rules that match no interface of this host now'),
});

const severity = z.enum(['ok', 'note', 'warning', 'fault']);

export const doctor = z.strictObject({
  version: version(1),
  worst: severity,
  findings: z.array(
    z.strictObject({
      severity,
      id: z.string().describe('Names the check, and its subject: reverse-path:eth0'),
      code: z.string().describe('The check: reverse-path'),
      subject: z.string().nullable().describe('What it is about: eth0; null: the host'),
      text: sentence,
      command: z.string().nullable().describe('Fixes it now, quoted for a shell'),
      remedy: remedy.describe('The command as arguments'),
      permanent: z.string().nullable().describe('Keeps it fixed after a reboot'),
      lasting: remedy.describe('The permanent command as arguments'),
    }),
  ),
  report: z.string().nullable().describe('The file of --report'),
});

const uplinkChange = z.strictObject({
  version: version(1),
  time,
  event: z.literal('uplink'),
  ...uplinkKeys,
  state: z.string().describe('"gone" where it is no more'),
  was: z.string().nullable().describe('The state before; null: it is new'),
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
  backup: z.boolean().nullable().describe("The peer's wish"),
  ifindex: z.int().nullable().describe('Of a subflow that is bound to a device'),
  serverSide: z.boolean(),
  interface: name.nullable(),
  error: z.string().nullable().describe('Name of the errno that ended a subflow'),
});

export const monitor = z.union([uplinkChange, mptcpEvent]).describe('One document a line');

const bytes = count.describe('Bytes');

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
            timeouts: count.optional().describe('In a row, without an answer'),
          }),
        ),
      }),
    ),
    problems: z.array(sentence),
  })
  .describe('One document a line');

/** The keys of `ip -j mptcp endpoint`, ip-mptcp(8), which have no version. */
export const endpoint = z.array(
  z.strictObject({
    address,
    port: z.int().optional(),
    id: count,
    ...Object.fromEntries(
      ['signal', 'subflow', 'backup', 'fullmesh', 'laminar', 'implicit'].map((flag) => [
        flag,
        z.literal(true).optional(),
      ]),
    ),
    rawflags: z.string().optional().describe('Flags without a name, in hexadecimal'),
    dev: name.optional(),
  }),
);

/** The keys of `ip -j mptcp limits`. */
export const limits = z.array(z.strictObject({ add_addr_accepted: count, subflows: count }));

export const versionDocument = z.strictObject({ version: version(1), multihomed: z.string() });

const at = z.number().min(0).describe('Milliseconds since the start of the demo, by one clock');
const scene = z.enum(['ethernet', 'stream', 'modem', 'pulled', 'back', 'unplugged']);
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
      side: z.enum(['laptop', 'server']).describe('Whose kernel said it'),
      event: z.enum(['established', 'closed']),
      initial: z.boolean().describe("The connection's first one"),
      interface: name,
      laptop: address,
      server: address,
      backup: z.boolean().nullable().describe('Whether the other end asked for it to be a backup'),
      error: count.nullable().describe('Number of the errno that ended it'),
    }),
    fact('hook', { hook: z.string(), interface: name, action: z.string(), text: z.string() }),
    fact('log', { text: sentence }),
    fact('sample', { links: z.record(z.string(), counters), checked: bytes }),
    fact('arrivals', {
      log: z
        .array(z.tuple([z.number(), bytes]))
        .describe("The receiver's: milliseconds since its start, bytes"),
    }),
    fact('figure', {
      scene,
      name: z
        .enum(['join', 'stall'])
        .describe('join: from a usable path to the subflow; stall: the longest time between two arrivals'),
      interface: name,
      milliseconds: z.number(),
      from: z.number(),
      to: z.number(),
      window: z.tuple([z.number(), z.number()]).optional(),
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
  .describe('One document a line');

/** Schemas by the name of the command. */
export const DOCUMENTS = {
  ...{ status, explain, plan, flush, reload, check, doctor, monitor, watch, endpoint, limits, demo },
  version: versionDocument,
} as const;
