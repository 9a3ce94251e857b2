/** Registers `endpoint`, `limits` and `monitor`. As for ip(8), a prefix of their names is enough. */
import type { Command } from 'commander';
import { ENDPOINT_FLAGS } from '../../netlink/mptcp/flag-words.ts';
import type { SetCode } from '../exit.ts';
import { CONFIG_WITHOUT_DAEMON, JSON_LINES, JSON_SILENT, NETNS_OPTION } from '../options.ts';
import { byPrefix, unknownWord } from './words.ts';

type Flags = { readonly json?: boolean };

/** The command with its grammar, which commander does not know. */
const subcommandTerm = (command: Command): string => `${command.name()} ${command.usage()}`.trimEnd();

const WORDS = '[words...]';

export function registerIpMptcp(root: Command, setCode: SetCode): void {
  registerEndpoint(root, setCode);
  registerLimits(root, setCode);
  registerMonitor(root, setCode);
  for (const name of ['endpoint', 'limits', 'monitor']) abbreviate(root, name);
}

function registerEndpoint(root: Command, setCode: SetCode): void {
  const endpoint = root
    .command('endpoint')
    .description('list and change MPTCP endpoints, like "ip mptcp endpoint"')
    .configureHelp({ subcommandTerm });
  const verb = (name: 'add' | 'delete' | 'change' | 'flush', usage: string, description: string): void => {
    endpoint
      .command(name)
      .argument(WORDS)
      .usage(usage)
      .description(description)
      .option(...JSON_SILENT)
      .option(...NETNS_OPTION)
      .action(async (words: string[]) =>
        setCode(await (await import('../endpoint.ts')).endpointCommand(name, words)),
      );
  };
  verb(
    'add',
    'IFADDR [dev IFNAME] [id ID] [port PORT] [FLAG...]',
    `add an endpoint (${ENDPOINT_FLAGS.join(', ')})`,
  );
  verb('delete', 'id ID | id 0 IFADDR', 'delete an endpoint; id 0: the initial subflows from IFADDR');
  verb(
    'change',
    '{id ID | IFADDR [port PORT]} FLAG...',
    'set flags (backup, nobackup, fullmesh, nofullmesh)',
  );
  verb('flush', ' ', 'delete all endpoints, also those of other programs');
  endpoint
    .command('show', { isDefault: true })
    .argument(WORDS)
    .usage('[id ID]')
    .description('list all endpoints, or one')
    .option('-j, --json', 'print JSON like "ip -j mptcp endpoint"')
    .option(...NETNS_OPTION)
    .action(async (words: string[], flags: Flags) => {
      const { endpointCommand, ENDPOINT_VERBS } = await import('../endpoint.ts');
      const begun = isNamed(endpoint) ? null : redirect(words, ENDPOINT_VERBS, 'endpoint', ['id']);
      if (begun === null) return setCode(await endpointCommand('show', words, flags));
      await root.parseAsync(['endpoint', begun, ...words.slice(1), ...json(flags)], { from: 'user' });
    });
}

function registerLimits(root: Command, setCode: SetCode): void {
  const limits = root
    .command('limits')
    .description('show and set the limits of subflows, like "ip mptcp limits"')
    .configureHelp({ subcommandTerm });
  limits
    .command('set')
    .argument(WORDS)
    .usage('[subflows NR] [add_addr_accepted NR]')
    .description('set one limit, or both')
    .option(...JSON_SILENT)
    .option(...NETNS_OPTION)
    .action(async (words: string[]) =>
      setCode(await (await import('../limits.ts')).limitsCommand('set', words)),
    );
  limits
    .command('show', { isDefault: true })
    .argument(WORDS)
    .usage(' ')
    .description('show both limits')
    .option('-j, --json', 'print JSON like "ip -j mptcp limits"')
    .option(...NETNS_OPTION)
    .action(async (words: string[], flags: Flags) => {
      const { limitsCommand, LIMITS_VERBS } = await import('../limits.ts');
      const begun = isNamed(limits) ? null : redirect(words, LIMITS_VERBS, 'limits', []);
      if (begun === null) return setCode(await limitsCommand('show', words, flags));
      await root.parseAsync(['limits', begun, ...words.slice(1), ...json(flags)], { from: 'user' });
    });
}

function registerMonitor(root: Command, setCode: SetCode): void {
  root
    .command('monitor')
    .description("show changes of uplinks, and the kernel's MPTCP events, as they happen")
    .option(...JSON_LINES)
    .option(...NETNS_OPTION)
    .option('--mptcp', 'only the MPTCP events, like "ip mptcp monitor"')
    .option(...CONFIG_WITHOUT_DAEMON)
    .action(async (flags) => setCode(await (await import('../monitor.ts')).monitorCommand(flags)));
}

const json = (flags: Flags): string[] => (flags.json ? ['--json'] : []);

/** True when the user typed `show`, which is also the default for words that name no command. */
const isNamed = (parent: Command): boolean => parent.args[0] === 'show';

/** Returns the verb of which the first word is a prefix; null when the words are for the default verb, `show`. */
function redirect<T extends string>(
  words: readonly string[],
  verbs: readonly T[],
  place: string,
  own: readonly string[],
): T | null {
  const [first] = words;
  if (first === undefined || byPrefix(first, own) !== null) return null;
  const verb = byPrefix(first, verbs);
  if (verb === null) throw unknownWord(first, [...verbs, ...own], place);
  return verb;
}

/** Registers prefixes as hidden commands, so that help, completion and "did you mean" do not show them. */
function abbreviate(root: Command, name: string): void {
  for (let length = 1; length < name.length; length++) {
    root
      .command(name.slice(0, length), { hidden: true })
      .argument(WORDS)
      .helpOption(false)
      .allowUnknownOption()
      .action(async (words: string[]) => {
        await root.parseAsync([name, ...words], { from: 'user' });
      });
  }
}
