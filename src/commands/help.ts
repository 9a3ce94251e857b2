/** Adds examples to the output of `--help`. */
import type { Command } from 'commander';

/** A command line and its purpose. */
type Example = readonly [line: string, purpose: string];

/** Keyed by the command's name with those of its parent commands, without the program's name. */
export const EXAMPLES: Readonly<Record<string, readonly Example[]>> = {
  '': [
    ['demo', 'show it in a private network'],
    ['check', 'find errors in the rules'],
    ['plan', 'show what would be changed'],
    ['run', 'change it, and follow every change of the network'],
    ['status', 'show the state of every uplink'],
    ['explain wwan0', 'show why one is not active, and what to do'],
  ],
  run: [
    ['run', 'use the rules of /etc/multihomed'],
    ['run --dry-run --config new.yaml', 'print what other rules would do'],
    ['run --once', 'make all changes once, then end'],
    ['run --netns blue --config blue.yaml', 'manage the network namespace blue'],
  ],
  status: [
    ['status', 'all uplinks'],
    ['status wwan0', 'the uplinks of one interface'],
    ['status --json', 'for a program; with ignored addresses'],
    ['status -n blue', 'in the network namespace blue'],
  ],
  explain: [
    ['explain wwan0', 'each step, with its evidence'],
    ['explain wwan0 --config new.yaml', 'with other rules, if no daemon runs'],
  ],
  plan: [
    ['plan', 'what "run" would change now'],
    ['plan --config new.yaml', 'with other rules'],
  ],
  check: [
    ['check', 'every file of /etc/multihomed and /usr/lib/multihomed'],
    ['check new.yaml', 'only one file'],
  ],
  monitor: [
    ['monitor', 'uplinks and connections, as they change'],
    ['monitor --json', 'one JSON document on each line'],
  ],
  watch: [['watch', 'uplinks, and the traffic of each connection on each']],
  endpoint: [
    ['endpoint', 'list all endpoints, also of other programs'],
    ['endpoint add 10.0.0.2 dev eth0 subflow', 'add one that the daemon does not manage'],
    ['endpoint change id 2 backup', 'use it only when no other path works'],
  ],
  'endpoint add': [
    ['endpoint add 10.0.0.2 dev eth0 subflow', 'open subflows from this address'],
    ['endpoint add 10.1.0.2 dev wwan0 subflow backup', 'use it only when no other path works'],
    ['endpoint add 192.0.2.7 signal', 'announce it to peers'],
  ],
  'endpoint delete': [
    ['endpoint delete id 2', 'also closes its subflows'],
    ['endpoint delete id 0 10.0.0.2', 'close the initial subflows from this address'],
  ],
  'endpoint change': [
    ['endpoint change id 2 backup', 'use it only when no other path works'],
    ['endpoint change 10.1.0.2 nobackup', 'named by its address'],
  ],
  'endpoint show': [
    ['endpoint show', 'list all endpoints'],
    ['endpoint show id 2', 'show one'],
  ],
  'endpoint flush': [['endpoint flush', 'those of multihomed and of other programs']],
  limits: [
    ['limits', 'show how many subflows a connection may have'],
    ['limits set subflows 8', 'allow eight'],
  ],
  'limits set': [['limits set subflows 8 add_addr_accepted 8', 'the maximum of most kernels']],
  'limits show': [['limits show', 'show how many subflows a connection may have']],
  doctor: [
    ['doctor', 'find faults, with the commands that fix them'],
    ['doctor --peer server.example:443', 'test whether a server supports MPTCP over each uplink'],
    ['doctor --report', 'write a file for a bug report, without secrets'],
  ],
  flush: [
    ['flush', 'refused if connections or this SSH session would be lost'],
    ['flush --force', 'remove them anyway'],
  ],
  reload: [['reload', 'after a change of the rules, or to resume after "flush"']],
  demo: [['demo', 'takes 20 seconds; needs no root']],
  version: [['version', 'such as multihomed 0.1.0']],
  completion: [
    ['completion bash >/etc/bash_completion.d/multihomed', 'for all users'],
    ['completion zsh >/usr/local/share/zsh/site-functions/_multihomed', 'for all users'],
    ['completion fish >~/.config/fish/completions/multihomed.fish', 'for one user'],
  ],
};

const CLOSING = `
If an uplink is not used: run "status", then "explain", then "doctor".

Exit status: 0 done, 1 doctor: warnings, 2 refused by the kernel, 3 doctor: faults,
64 wrong arguments, 69 no MPTCP, 70 fault in multihomed,
75 no daemon, another daemon, or no answer, 77 not permitted, 78 error in the configuration.

More: man 8 multihomed, man 5 multihomed.yaml (rules), man 7 multihomed-hooks (hooks).`;

/** Adds the examples to the help of every command, and a pointer to the help to its errors. */
export function addHelp(command: Command, path = ''): void {
  command.showHelpAfterError(path === '' ? '(see multihomed --help)' : `(see multihomed ${path} --help)`);
  const examples = EXAMPLES[path] ?? [];
  if (examples.length > 0) command.addHelpText('after', examplesText(examples));
  if (path === '') command.addHelpText('after', CLOSING);
  for (const each of command.commands) addHelp(each, `${path} ${each.name()}`.trim());
}

function examplesText(examples: readonly Example[]): string {
  const width = Math.max(...examples.map(([line]) => line.length));
  const lines = examples.map(([line, purpose]) => `  multihomed ${line.padEnd(width)}  ${purpose}`);
  return `\nExamples:\n${lines.join('\n')}`;
}
