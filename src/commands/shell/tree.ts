/** The commands, options and arguments that shell completion needs, read from the command tree. */
import type { Command, Option } from 'commander';
import { ENDPOINT_FLAGS } from '../../netlink/mptcp/flag-words.ts';

/** The source of the words for a place; `nothing`: they cannot be suggested. */
export type CompletionSource = 'interface' | 'namespace' | 'endpoint' | 'file' | 'nothing';

/** A source, or the words themselves. */
export type Value = CompletionSource | readonly string[];

export interface Flag {
  /** Such as `-h` and `--help`. */
  readonly names: readonly string[];
  readonly description: string;
  /** null when the option takes no value. */
  readonly value: Value | null;
}

export interface CommandNode {
  /** The command's name with those of its parent commands; empty for the program itself. */
  readonly path: string;
  readonly commands: readonly { readonly name: string; readonly description: string }[];
  readonly flags: readonly Flag[];
  readonly arguments: readonly Value[];
  /** Keywords as ip(8) has them, in any order, with the value that follows each; null when none follows. */
  readonly keywords: Readonly<Record<string, Value | null>> | null;
}

/** Sources by the name of the option or argument. */
const SOURCES: Readonly<Record<string, CompletionSource>> = {
  '--netns': 'namespace',
  interface: 'interface',
  file: 'file',
  id: 'endpoint',
};

const FLAGS = Object.fromEntries(ENDPOINT_FLAGS.map((word) => [word, null]));
const CHANGES = { backup: null, nobackup: null, fullmesh: null, nofullmesh: null };

/** The keywords of ip-mptcp(8). */
const KEYWORDS: Readonly<Record<string, CommandNode['keywords']>> = {
  'endpoint add': { id: 'nothing', dev: 'interface', port: 'nothing', ...FLAGS },
  'endpoint delete': { id: 'endpoint' },
  'endpoint change': { id: 'endpoint', port: 'nothing', ...CHANGES },
  'endpoint show': { id: 'endpoint' },
  'limits set': { subflows: 'nothing', add_addr_accepted: 'nothing' },
};

/** Returns every command that is not hidden; parents come before their children. */
export function commandNodes(command: Command, path = '', siblings: readonly string[] = []): CommandNode[] {
  const help = command.createHelp();
  const below = help.visibleCommands(command);
  const names = below.map((each) => each.name());
  const node: CommandNode = {
    path,
    commands: below.map((each) => ({ name: each.name(), description: each.description() })),
    flags: help.visibleOptions(command).map(flagOf),
    arguments: command.registeredArguments.map(
      (each) => each.argChoices ?? (each.name() === 'command' ? siblings : sourceOf(each.name())),
    ),
    keywords: KEYWORDS[path] ?? null,
  };
  return [node, ...below.flatMap((each) => commandNodes(each, `${path} ${each.name()}`.trim(), names))];
}

function flagOf(option: Option): Flag {
  const { short, long, description, argChoices, flags, required, optional } = option;
  const [, name = ''] = /[<[]([\w-]+)/.exec(flags) ?? [];
  return {
    names: [short, long].filter((each) => each !== undefined),
    description,
    value: required || optional ? (argChoices ?? sourceOf(long ?? '', name)) : null,
  };
}

function sourceOf(...names: readonly string[]): CompletionSource {
  return names.map((name) => SOURCES[name]).find((source) => source !== undefined) ?? 'nothing';
}

/** Quotes one word for sh, zsh and fish. In fish this fails for a text with a backslash before a quote. */
export const quoted = (text: string): string => `'${text.replaceAll("'", `'"'"'`)}'`;
