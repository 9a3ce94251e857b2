/** Writes a file for a bug report: the findings and the facts, without what identifies the host and its place. */
import { randomBytes } from 'node:crypto';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { hostname, machine, release, version } from 'node:os';
import { statusDocument, type StatusDocument } from '../control/document.ts';
import { flagNames } from '../netlink/mptcp/flags.ts';
import type { Facts, HostView } from './facts.ts';
import { findingDocument, type Finding } from './finding.ts';
import { mask } from './mask.ts';
import { RTPROT_MULTIHOMED } from '../netlink/route/protocol.ts';

const LEFT_OUT = [
  'public addresses: replaced by others, marked with "~"; equal ones stay equal, subnets stay subnets',
  'hardware addresses: numbered, also where an interface is named after one',
  "this host's name, the peer's name, the name of the hooks' user, home folders",
  "comments and layout of the configuration, names of Wi-Fi networks, hooks' text, logs",
  'routes that are neither defaults nor of multihomed',
];
const LEFT_IN = ['names of interfaces, globs of rules, private addresses, paths of files'];

export interface ReportOptions {
  readonly version: string;
  /** Words that must not be in the report, with their replacement. */
  readonly words: ReadonlyMap<string, string>;
}

export function reportText(facts: Facts, findings: readonly Finding[], options: ReportOptions): string {
  const document = {
    report: 1,
    leftOut: LEFT_OUT,
    leftIn: LEFT_IN,
    versions: {
      multihomed: options.version,
      node: process.version,
      kernel: `${release()} ${machine()} ${version()}`,
    },
    user: process.geteuid?.() === 0 ? 'root' : 'not root',
    findings: findings.map((each) => findingDocument(each)),
    status: facts.view && status(facts.view),
    explanations: facts.view?.explanations ?? [],
    configuration: {
      ...facts.configuration.loaded,
      errors: facts.configuration.errors,
    },
    sysctls: Object.fromEntries(facts.sysctls),
    counters: facts.counters && Object.fromEntries([...facts.counters].filter(([, number]) => number > 0)),
    managers: facts.managers,
    hooksRefused: facts.hooks,
    connections: facts.connections,
    network: facts.view && network(facts.view),
  };
  const words = new Map([...options.words, ...ownNames(), ...hookUser(facts)]);
  const text = JSON.stringify(document, (_, value: unknown) => (value === Infinity ? 'all' : value), 2);
  return `${mask(text, { key: randomBytes(32), words })}\n`;
}

function hookUser({ configuration }: Facts): [string, string][] {
  const user = configuration.loaded?.hooks.user ?? 'root';
  return user === 'root' ? [] : [[user, 'USER']];
}

/** Returns the host's name and its short name, which may also occur alone. */
function ownNames(): [string, string][] {
  const name = hostname();
  const short = name.split('.')[0] ?? name;
  return [name, short].filter((each) => each !== '' && each !== 'localhost').map((each) => [each, 'HOST']);
}

function status(view: HostView): StatusDocument {
  return view.daemon ?? statusDocument(view, null, []);
}

function network({ snapshot, otherDefaults, foreignRoutes }: HostView): object {
  const name = (ifindex: number): string => snapshot.links.get(ifindex)?.name ?? `if${ifindex}`;
  const route = ({ hops, metrics, ...rest }: HostView['otherDefaults'][number]): object => ({
    ...rest,
    metrics: metrics?.toString('hex') ?? null,
    hops: hops.map(({ ifindex, ...hop }) => ({ dev: name(ifindex), ...hop })),
  });
  return {
    links: [...snapshot.links.values()].map((link) => ({
      ...link,
      driver: snapshot.drivers.get(link.index) ?? null,
    })),
    addresses: snapshot.addresses.map(({ ifindex, ...address }) => ({ dev: name(ifindex), ...address })),
    policyRules: snapshot.policyRules,
    routes: [...snapshot.ownRoutes, ...otherDefaults, ...foreignRoutes].map(route),
    answers: Object.fromEntries(
      [...snapshot.lookups].map(([key, answer]) => [
        key,
        { ...answer, default: answer.default && route(answer.default.route) },
      ]),
    ),
    endpoints: snapshot.endpoints.map((endpoint) => ({
      ...endpoint,
      dev: name(endpoint.ifindex),
      flags: flagNames(endpoint.flags),
    })),
    limits: snapshot.limits,
    mark: RTPROT_MULTIHOMED,
  };
}

/**
 * Writes a file that only its owner can read, and never replaces an existing one.
 * @throws NodeJS.ErrnoException EEXIST
 */
export function writeReport(path: string, text: string): void {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const fd = openSync(path, flags, 0o600);
  try {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
  } finally {
    closeSync(fd);
  }
}
