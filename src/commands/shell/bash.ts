/**
 * Completion for bash 4 and later; it does not need the package bash-completion. Names of interfaces and namespaces can
 * contain shell syntax, so they are never passed to `compgen -W` or `eval`, and are inserted quoted.
 */
import { quoted, type CommandNode, type Value } from './tree.ts';

export function bashCompletion(nodes: readonly CommandNode[]): string {
  return `# bash completion for multihomed: multihomed completion bash

# What may follow the command $1.
_multihomed_command() {
    commands=() flags=() arguments=() keywords=()
    case $1 in
${nodes.map(commandCase).join('\n')}
    esac
}

# What follows the option or keyword $2 of the command $1; empty: nothing does.
_multihomed_value() {
    value=''
    case "$1 $2" in
${valueCases(nodes).join('\n')}
    esac
}

${MACHINE}
complete -F _multihomed multihomed
`;
}

function commandCase({ path, commands, flags, arguments: positional, keywords }: CommandNode): string {
  const parts = [
    list(
      'commands',
      commands.map(({ name }) => name),
    ),
    list(
      'flags',
      flags.flatMap(({ names }) => names),
    ),
    list('arguments', positional.map(text)),
    list('keywords', Object.keys(keywords ?? {})),
  ];
  return `        ${quoted(path)}) ${parts.filter(Boolean).join(' ')} ;;`;
}

const list = (name: string, words: readonly string[]): string =>
  words.length === 0 ? '' : `${name}=(${words.map(quoted).join(' ')})`;

/** A source is written by its name, a list of words separated by spaces after a colon. */
const text = (value: Value): string => (typeof value === 'string' ? value : `:${value.join(' ')}`);

function valueCases(nodes: readonly CommandNode[]): string[] {
  return nodes.flatMap(({ path, flags, keywords }) => {
    const words = [
      ...flags.flatMap(({ names, value }) => names.map((name) => [name, value] as const)),
      ...Object.entries(keywords ?? {}),
    ];
    return words.flatMap(([word, value]) =>
      value === null ? [] : [`        ${quoted(`${path} ${word}`)}) value=${quoted(text(value))} ;;`],
    );
  });
}

const MACHINE = `# Offers the words that begin with what is typed.
_multihomed_offer() {
    local word quoted
    for word; do
        printf -v quoted %q "$word"
        # Inside opened quotes, only words that need no quotes are offered.
        if [[ $current == [\\'\\"]* ]]; then
            [[ $word == "$quoted" && $word == "\${current:1}"* ]] && COMPREPLY+=("$word")
        elif [[ $quoted == "$current"* || $word == "$current"* ]]; then
            COMPREPLY+=("$quoted")
        fi
    done
}

# Offers the names of what $1 matches; one that begins with a dash only where no option is possible.
_multihomed_names() {
    local -a paths
    local path
    mapfile -t paths < <(compgen -G "$1")
    for path in "\${paths[@]}"; do
        path=\${path%/}
        path=\${path##*/}
        [[ $path == -* && -z $ended ]] || _multihomed_offer "$path"
    done
}

_multihomed_source() {
    local -a words
    case $1 in
        :*) read -ra words <<<"\${1#:}" && _multihomed_offer "\${words[@]}" ;;
        interface) _multihomed_names '/sys/class/net/*/' ;;
        namespace) _multihomed_names '/run/netns/*' ;;
        endpoint)
            mapfile -t words < <(command multihomed __complete endpoint 2>/dev/null)
            _multihomed_offer "\${words[@]%%$'\\t'*}"
            ;;
        file) compopt -o default ;;
    esac
}

_multihomed() {
    local current=\${COMP_WORDS[COMP_CWORD]} command='' expected='' ended='' value='' word IFS=$' \\t\\n'
    local -a commands flags arguments keywords
    local -i count=0 i
    COMPREPLY=()
    _multihomed_command ''
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=\${COMP_WORDS[i]}
        if [[ -n $expected && $word == '=' ]]; then
            continue
        elif [[ -n $expected && $word != -* ]]; then
            expected=
        elif [[ -z $ended && $word == -- ]]; then
            ended=1
        elif [[ -z $ended && $word == -* || " \${keywords[*]} " == *" $word "* ]]; then
            _multihomed_value "$command" "$word"
            expected=$value
        elif [[ " \${commands[*]} " == *" $word "* ]]; then
            command="\${command:+$command }$word"
            _multihomed_command "$command"
        else
            count+=1
        fi
    done
    [[ -n $expected && $current == '=' ]] && current=
    if [[ -n $expected && $current != -* ]]; then
        _multihomed_source "$expected"
    elif [[ -z $ended && $current == -* ]]; then
        _multihomed_offer "\${flags[@]}"
    else
        _multihomed_offer "\${commands[@]}" "\${keywords[@]}"
        _multihomed_source "\${arguments[count]-}"
    fi
}
`;
