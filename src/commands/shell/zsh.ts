/** Completion for zsh, whose own `_arguments` and `compadd` quote what they insert. */
import { quoted, type CommandNode, type Flag, type Value } from './tree.ts';

export function zshCompletion(nodes: readonly CommandNode[]): string {
  return `#compdef multihomed
# zsh completion for multihomed: multihomed completion zsh

${SOURCES}
${nodes.map(commandFunction).join('\n')}
# Autoloaded, this file is the function itself; sourced, it only defines it.
if [[ $funcstack[1] = _multihomed ]]; then
  _multihomed "$@"
else
  compdef _multihomed multihomed
fi
`;
}

const SOURCES = `# A name that begins with a dash is offered only where no option is possible.
__multihomed_offer() {
  local -a offered=("$@[2,-1]") expl
  (( $words[(I)--] )) || offered=(\${offered:#-*})
  _wanted $1 expl $1 compadd -a offered
}

__multihomed_interface() { __multihomed_offer interface /sys/class/net/*(N-/:t) }

__multihomed_namespace() { __multihomed_offer namespace /run/netns/*(N:t) }

__multihomed_file() { _files }

__multihomed_nothing() { _message value }

__multihomed_endpoint() {
  local -a lines=("\${(@f)$(command multihomed __complete endpoint 2>/dev/null)}") ids shown expl
  ids=("\${(@)lines%%$'\\t'*}")
  shown=("\${(@)lines/$'\\t'/  }")
  _wanted endpoint expl endpoint compadd -d shown -a ids
}
`;

function commandFunction(node: CommandNode): string {
  const { path, commands, flags, arguments: positional, keywords } = node;
  const specs = [
    ...flags.flatMap(flagSpecs),
    ...positional.map((value, at) => quoted(`${at + 1}::argument:${action(value)}`)),
    ...(keywords === null ? [] : [quoted(`*::word:${functionName(path)}_words`)]),
    ...(commands.length === 0
      ? []
      : [quoted(`1:command:${functionName(path)}_commands`), quoted('*::argument:->below')]),
  ];
  const lines = [
    ...(commands.length === 0 ? [] : [commandList(node)]),
    ...(keywords === null ? [] : [keywordList(path, keywords)]),
    `${functionName(path)}() {`,
    ...(commands.length === 0 ? [] : ['  local curcontext=$curcontext state line', '  local -A opt_args']),
    ['  _arguments -S -C', ...specs].join(' \\\n    '),
    ...(commands.length === 0
      ? []
      : [
          '  [[ $state = below ]] || return',
          '  case $line[1] in',
          ...commands.map(({ name }) => `    ${name}) ${functionName(`${path} ${name}`.trim())} ;;`),
          '  esac',
        ]),
    '}',
    '',
  ];
  return lines.join('\n');
}

const functionName = (path: string): string => `_multihomed${path && `_${path.replaceAll(/\W/g, '_')}`}`;

function commandList({ path, commands }: CommandNode): string {
  const words = commands.map(({ name, description }) => `    ${quoted(`${name}:${description}`)}`);
  return `${functionName(path)}_commands() {\n  local -a commands=(\n${words.join('\n')}\n  )\n  _describe command commands\n}\n`;
}

/** Offers the value after a keyword that takes one, and the keywords otherwise. */
function keywordList(path: string, keywords: NonNullable<CommandNode['keywords']>): string {
  const cases = Object.entries(keywords).flatMap(([word, value]) =>
    value === null ? [] : [`    ${word}) ${action(value)} ;;`],
  );
  const words = Object.keys(keywords).map(quoted).join(' ');
  return `${functionName(path)}_words() {\n  case $words[CURRENT-1] in\n${cases.join('\n')}\n    *) compadd -- ${words} ;;\n  esac\n}\n`;
}

function flagSpecs({ names, description, value }: Flag): string[] {
  const text = description.replaceAll(/[[\]\\:]/g, String.raw`\$&`);
  const all = names.join(' ');
  return names.map((name) => {
    const joint = value !== null && name.startsWith('--') ? '=' : '';
    return quoted(`(${all})${name}${joint}[${text}]${value === null ? '' : `:value:${action(value)}`}`);
  });
}

const action = (value: Value): string =>
  typeof value === 'string' ? `__multihomed_${value}` : `(${value.join(' ')})`;
