/** `multihomed endpoint ...`: the same as `ip mptcp endpoint`, ip-mptcp(8). */
import { askOrNot } from '../control/client.ts';
import { NetlinkError } from '../netlink/error.ts';
import { unmapIPv4 } from '../netlink/ip.ts';
import {
  addEndpoint,
  changeEndpoint,
  closeInitialSubflows,
  deleteEndpoint,
  dumpEndpoints,
  flushEndpoints,
  type Endpoint,
} from '../netlink/mptcp/endpoint.ts';
import { dumpLinks, findLink, type Link } from '../netlink/route/link.ts';
import { CHANGEABLE, flagBits, flagNames } from '../netlink/mptcp/flags.ts';
import { ExitError, EXIT } from './exit.ts';
import {
  addArguments,
  changeArguments,
  deleteArguments,
  noArguments,
  showArguments,
} from './ipmptcp/arguments.ts';
import { addRefusal, explainRefusal } from './ipmptcp/refusal.ts';
import { endpointJson, endpointText, type Names } from './ipmptcp/text.ts';
import { connectionsFrom, warn, warnOwned, warnUseless } from './ipmptcp/warning.ts';
import { wrong } from './ipmptcp/words.ts';
import { openNamespace, type Namespace } from './namespace.ts';
import { print, printExact } from './print.ts';
import { requireNetAdmin } from './privilege.ts';

export const ENDPOINT_VERBS = ['add', 'delete', 'change', 'show', 'flush'] as const;
export type EndpointVerb = (typeof ENDPOINT_VERBS)[number];

interface Flags {
  readonly json?: boolean;
}

/** @param words the arguments after the verb */
export async function endpointCommand(
  verb: EndpointVerb,
  words: readonly string[],
  flags: Flags = {},
): Promise<number> {
  if (verb !== 'show') requireNetAdmin();
  // Wrong arguments are reported before the kernel is asked.
  const act = ACTIONS_BY_VERB[verb](words, flags);
  const namespace = await openNamespace();
  try {
    await act(namespace);
    // The kernel sends no event when an endpoint changes. A request makes the daemon read the endpoints.
    if (verb !== 'show') await askOrNot(namespace.folder.socket, { ask: 'status' }).catch(() => null);
    return EXIT.done;
  } finally {
    namespace.kernel.close();
  }
}

type Act = (namespace: Namespace) => Promise<void>;

const ACTIONS_BY_VERB: Readonly<Record<EndpointVerb, (words: readonly string[], flags: Flags) => Act>> = {
  add: (words) => add(addArguments(words)),
  delete: (words) => remove(deleteArguments(words)),
  change: (words) => change(changeArguments(words)),
  show: (words, flags) => show(showArguments(words), flags),
  flush: (words) => {
    noArguments('endpoint flush', words);
    return flush;
  },
};

const dump = ({ kernel }: Namespace): Promise<Endpoint[]> => dumpEndpoints(kernel.generic, kernel.mptcp);

const namesOf = (links: readonly Link[]): Names => new Map(links.map(({ index, name }) => [index, name]));

const none = (what: string): ExitError =>
  new ExitError(EXIT.refused, `${what}; "multihomed endpoint show" lists all`);

function show(id: number | null, { json }: Flags): Act {
  return async (namespace) => {
    const all = await dump(namespace).catch(explainRefusal);
    const shown = id === null ? all : all.filter((endpoint) => endpoint.id === id);
    if (id !== null && shown.length === 0) throw none(`endpoint show: there is no endpoint id ${id}`);
    const bound = shown.some(({ ifindex }) => ifindex !== 0);
    const names = bound ? namesOf(await dumpLinks(namespace.kernel.route)) : new Map<number, string>();
    if (json) printExact(JSON.stringify(shown.map((endpoint) => endpointJson(endpoint, names))));
    else for (const endpoint of shown) print(endpointText(endpoint, names));
  };
}

function add(given: ReturnType<typeof addArguments>): Act {
  return async (namespace) => {
    const { kernel } = namespace;
    const links = await dumpLinks(kernel.route);
    const endpoint: Endpoint = {
      id: given.id ?? 0,
      address: given.address,
      ifindex: given.dev === null ? 0 : deviceIndex(given.dev, links),
      flags: flagBits(given.flags),
      port: given.port ?? 0,
    };
    const operation =
      `endpoint add ${endpointText(endpoint, namesOf(links)).replace(' id 0 ', ' ')}`.trimEnd();
    try {
      await addEndpoint(kernel.generic, kernel.mptcp, endpoint, operation);
    } catch (error) {
      if (!(error instanceof NetlinkError) || error.code === 'EPERM') throw error;
      throw addRefusal(error, endpoint, await dump(namespace), namesOf(links));
    }
    const found = (await dump(namespace)).find(
      ({ address }) => unmapIPv4(address) === unmapIPv4(given.address),
    );
    await warnUseless(namespace, { ...endpoint, id: found?.id ?? endpoint.id });
  };
}

/** Finds a device by name or altname; `if7` is the device with index 7, as for ip(8). */
function deviceIndex(dev: string, links: readonly Link[]): number {
  const index = findLink(links, dev)?.index ?? Number(/^if(\d{1,9})$/.exec(dev)?.[1] ?? 0);
  if (index > 0) return index;
  throw wrong(`endpoint add: ${JSON.stringify(dev)}: no such interface; "ip link" lists them`);
}

function remove({ id, address }: ReturnType<typeof deleteArguments>): Act {
  return async (namespace) => {
    const { generic, mptcp } = namespace.kernel;
    const all = await dump(namespace);
    if (id === 0) return closeFirst(namespace, address!, all);
    const endpoint = all.find((each) => each.id === id);
    if (!endpoint) throw none(`endpoint delete: there is no endpoint id ${id}`);
    await warnOwned(namespace, [endpoint], 'deleted');
    await deleteEndpoint(generic, mptcp, endpoint, `endpoint delete id ${id}`).catch(explainRefusal);
  };
}

/** The kernel reports success whether or not there was such a connection. */
async function closeFirst({ kernel }: Namespace, address: string, all: readonly Endpoint[]): Promise<void> {
  const connections = await connectionsFrom(address);
  await closeInitialSubflows(kernel.generic, kernel.mptcp, address, `endpoint delete id 0 ${address}`).catch(
    explainRefusal,
  );
  if (connections === 0) warn(`nothing was closed: no open connection started from ${address}`);
  const endpoint = all.find((each) => unmapIPv4(each.address) === unmapIPv4(address));
  if (endpoint)
    warn(
      `the endpoint of ${address} remains; to delete it:\n    multihomed endpoint delete id ${endpoint.id}`,
    );
}

function change({ id, address, port, flags }: ReturnType<typeof changeArguments>): Act {
  return async (namespace) => {
    const { generic, mptcp } = namespace.kernel;
    const fitting = (await dump(namespace)).filter((each) =>
      address === null
        ? each.id === id
        : unmapIPv4(each.address) === unmapIPv4(address) &&
          (id === null || each.id === id) &&
          (port === null || !each.port || each.port === port),
    );
    // If only an address is given, the kernel changes the endpoint without a port.
    const found = fitting.find((each) => each.port === (port ?? 0)) ?? fitting[0];
    const words = [
      ...(id === null ? [] : [`id ${id}`]),
      ...(address === null ? [] : [address]),
      ...(port ? [`port ${port}`] : []),
    ].join(' ');
    if (!found) throw none(`endpoint change: there is no endpoint ${words}`);
    if (fitting.length > 1 && found.port !== (port ?? 0))
      throw new ExitError(
        EXIT.refused,
        `endpoint change: several endpoints match ${words}: ` +
          `${fitting.map((each) => `id ${each.id} port ${each.port}`).join(', ')}; give the id or the port`,
      );
    const bits = flagBits(flags);
    // The kernel sets both flags at once, so a flag that is not named is cleared.
    const lost = flagNames(found.flags & CHANGEABLE & ~bits).filter((name) => !flags.includes(`no${name}`));
    if (lost.length > 0)
      warn(`${lost.join(', ')} is cleared too; to keep it, give it together with ${flags[0]}`);
    await warnOwned(namespace, [found], 'changed');
    // The id is preferred, because several endpoints may share an address with different ports.
    const target = address === null || id !== null ? { id: found.id } : { address, port: port ?? found.port };
    await changeEndpoint(generic, mptcp, { ...target, flags: bits }, `endpoint change ${words}`).catch(
      explainRefusal,
    );
  };
}

async function flush(namespace: Namespace): Promise<void> {
  await warnOwned(namespace, await dump(namespace), 'deleted');
  await flushEndpoints(namespace.kernel.generic, namespace.kernel.mptcp).catch(explainRefusal);
}
