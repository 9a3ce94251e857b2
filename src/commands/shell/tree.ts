/** What a shell has to know to complete a command line, read from the commands themselves. */
import type { Command, Option } from 'commander';

/** Where the words come from that can stand in a place; `nothing`: nobody can guess them. */
export type Source = 'interface' | 'namespace' | 'endpoint' | 'file' | 'nothing';

/** A source, or the words themselves. */
export type Value = Source | readonly string[];

export interface Flag {
  /** `-h` and `--help`. */
  readonly names: readonly string[];
  readonly description: string;
  /** null: it takes none. */
  readonly value: Value | null;
}

export interface CommandNode {
  /** Its name, after those of the commands above it; empty: the program itself. */
  readonly path: string;
  readonly commands: readonly { readonly name: string; readonly description: string }[];
  readonly flags: readonly Flag[];
  readonly arguments: readonly Value[];
  /** Words as ip(8) has them, in any order, and the value that follows each; null: none follows. */
  readonly keywords: Readonly<Record<string, Value | null>> | null;
}

/** By the name of the option or of its argument. */
const SOURCES: Readonly<Record<string, Source>> = {
  '--netns': 'namespace',
  interface: 'interface',
  file: 'file',
  id: 'endpoint',
};

const FLAGS = { signal: null, subflow: null, backup: null, fullmesh: null, laminar: null };
const CHANGES = { backup: null, nobackup: null, fullmesh: null, nofullmesh: null };

/** As ip-mptcp(8) has them. */
const KEYWORDS: Readonly<Record<string, CommandNode['keywords']>> = {
  'endpoint add': { id: 'nothing', dev: 'interface', port: 'nothing', ...FLAGS },
  'endpoint delete': { id: 'endpoint' },
  'endpoint change': { id: 'endpoint', port: 'nothing', ...CHANGES },
  'endpoint show': { id: 'endpoint' },
  'limits set': { subflows: 'nothing', add_addr_accepted: 'nothing' },
};

/** Every command that is not hidden, those above before those below. */
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

function sourceOf(...names: readonly string[]): Source {
  return names.map((name) => SOURCES[name]).find((source) => source !== undefined) ?? 'nothing';
}

/** One word of sh, zsh and fish alike, where it has no backslash before a quote (fish) in it. */
export const quoted = (text: string): string => `'${text.replaceAll("'", `'"'"'`)}'`;
