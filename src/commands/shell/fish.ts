/** Completion for fish, which quotes what it inserts. */
import { quoted, type CommandNode, type Flag, type Value } from './tree.ts';

export function fishCompletion(nodes: readonly CommandNode[]): string {
  const below = nodes.filter(({ path }) => path !== '').map(({ path }) => quoted(path));
  return `# fish completion for multihomed: multihomed completion fish

# Whether the option or keyword $argv[2] of the command $argv[1] is followed by a value.
function __multihomed_takes
    switch "$argv[1] $argv[2]"
        case ${valueWords(nodes).join(' ')}
            return 0
    end
    return 1
end

# Prints the command of the words before the cursor, how many arguments it has, and what waits for its value.
function __multihomed_place
    set -l command ''
    set -l count 0
    set -l expected ''
    set -l ended ''
    for word in (commandline -opc)[2..-1]
        if test -n "$expected"; and not string match -q -- '-*' $word
            set expected ''
        else if test -z "$ended" -a "$word" = --
            set ended 1
        else if __multihomed_takes "$command" "$word"
            set expected $word
        else if test -n "$ended"; or not string match -q -- '-*' $word
            switch (string trim -- "$command $word")
                case ${below.join(' ')}
                    set command (string trim -- "$command $word")
                case '*'
                    set count (math $count + 1)
            end
        end
    end
    printf '%s\\n' "$command" $count "$expected"
end

${PLACES}
complete -c multihomed -f
${nodes.flatMap(nodeLines).join('\n')}
`;
}

const PLACES = `# Whether the cursor is in the command $argv[1], at its argument $argv[2] where that is given.
function __multihomed_at
    set -l place (__multihomed_place)
    test "$place[1]" = "$argv[1]" -a -z "$place[3]"; or return
    test (count $argv) -lt 2; or test $place[2] = $argv[2]
end

function __multihomed_in
    set -l place (__multihomed_place)
    test "$place[1]" = "$argv[1]"
end

# Whether the cursor is behind the keyword $argv[2] of the command $argv[1].
function __multihomed_after
    set -l place (__multihomed_place)
    test "$place[1]" = "$argv[1]" -a "$place[3]" = "$argv[2]"
end

# A name that begins with a dash is offered only where no option is possible.
function __multihomed_names
    for path in $argv
        set -l name (string split -r / -- (string trim -r -c / -- $path))[-1]
        if contains -- -- (commandline -opc); or not string match -q -- '-*' $name
            printf '%s\\n' $name
        end
    end
end

function __multihomed_interface
    set -l paths /sys/class/net/*/
    __multihomed_names $paths
end

function __multihomed_namespace
    set -l paths /run/netns/*
    __multihomed_names $paths
end

function __multihomed_endpoint
    command multihomed __complete endpoint 2>/dev/null
end
`;

function valueWords(nodes: readonly CommandNode[]): string[] {
  return nodes.flatMap(({ path, flags, keywords }) => [
    ...flags.flatMap(({ names, value }) =>
      value === null ? [] : names.map((name) => quoted(`${path} ${name}`)),
    ),
    ...Object.entries(keywords ?? {}).flatMap(([word, value]) =>
      value === null ? [] : [quoted(`${path} ${word}`)],
    ),
  ]);
}

function nodeLines({ path, commands, flags, arguments: positional, keywords }: CommandNode): string[] {
  const line = (condition: string, ...rest: string[]): string =>
    ['complete -c multihomed -n', quoted(condition), ...rest].join(' ');
  const words = Object.entries(keywords ?? {});
  return [
    ...commands.map(({ name, description }) =>
      line(`__multihomed_at "${path}" 0`, '-a', name, '-d', quoted(description)),
    ),
    ...flags.map((flag) => line(`__multihomed_in "${path}"`, ...flagWords(flag))),
    ...positional.map((value, at) => line(`__multihomed_at "${path}" ${at}`, ...offered(value))),
    ...words.map(([word]) => line(`__multihomed_at "${path}"`, '-a', word)),
    ...words.flatMap(([word, value]) =>
      value === null ? [] : [line(`__multihomed_after "${path}" ${word}`, ...offered(value))],
    ),
  ];
}

function flagWords({ names, description, value }: Flag): string[] {
  return [
    ...names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`)),
    ...(value === null ? [] : [value === 'file' ? '-r' : '-x', ...offered(value)]),
    '-d',
    quoted(description),
  ];
}

function offered(value: Value): string[] {
  if (value === 'file') return ['-F'];
  if (value === 'nothing') return [];
  return ['-a', quoted(typeof value === 'string' ? `(__multihomed_${value})` : value.join(' '))];
}
