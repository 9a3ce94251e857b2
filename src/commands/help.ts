/** Adds examples to the output of `--help`. */
import type { Command } from 'commander';

/** A command line and its purpose. */
type Example = readonly [line: string, purpose: string];

/** Keyed by the command's name with those of its parent commands, without the program's name. */
export const EXAMPLES: Readonly<Record<string, readonly Example[]>> = {
  '': [
    ['demo', 'see it at work, in a network of its own'],
    ['check', 'whether the rules are right'],
    ['plan', 'what would be done with them here'],
    ['run', 'do it, and go on watching'],
    ['status', 'how every uplink is'],
    ['explain wwan0', 'why one does not come up, and what to do'],
  ],
  run: [
    ['run', 'by the rules of /etc/multihomed'],
    ['run --dry-run --config new.yaml', 'watch what other rules would do'],
    ['run --once', 'put everything in place, and end'],
    ['run --netns blue --config blue.yaml', 'for the network namespace blue'],
  ],
  status: [
    ['status', 'all uplinks'],
    ['status wwan0', 'those of one interface'],
    ['status --json', 'for a program; ignored addresses too'],
    ['status -n blue', 'in the network namespace blue'],
  ],
  explain: [
    ['explain wwan0', 'each step of the way up, with the evidence'],
    ['explain wwan0 --config new.yaml', 'by other rules, where no daemon runs'],
  ],
  plan: [
    ['plan', 'what run would change now'],
    ['plan --config new.yaml', 'with other rules'],
  ],
  check: [
    ['check', 'every file of /etc/multihomed and /usr/lib/multihomed'],
    ['check new.yaml', 'one file alone'],
  ],
  monitor: [
    ['monitor', 'uplinks and connections, as they change'],
    ['monitor --json', 'one JSON document a line'],
  ],
  watch: [['watch', 'uplinks, and how much each connection sends over each']],
  endpoint: [
    ['endpoint', 'all that the kernel has, ours and others'],
    ['endpoint add 10.0.0.2 dev eth0 subflow', 'one by hand; it is yours, and left alone'],
    ['endpoint change id 2 backup', 'use the others first'],
  ],
  'endpoint add': [
    ['endpoint add 10.0.0.2 dev eth0 subflow', 'open subflows from this address'],
    ['endpoint add 10.1.0.2 dev wwan0 subflow backup', 'for when the others fail'],
    ['endpoint add 192.0.2.7 signal', 'announce it to peers'],
  ],
  'endpoint delete': [
    ['endpoint delete id 2', 'close the subflows from it, too'],
    ['endpoint delete id 0 10.0.0.2', 'close the first subflows from this address'],
  ],
  'endpoint change': [
    ['endpoint change id 2 backup', 'use the others first'],
    ['endpoint change 10.1.0.2 nobackup', 'by its address'],
  ],
  'endpoint show': [
    ['endpoint show', 'all that the kernel has'],
    ['endpoint show id 2', 'one'],
  ],
  'endpoint flush': [['endpoint flush', 'all, also those of other programs']],
  limits: [
    ['limits', 'how many subflows a connection may have'],
    ['limits set subflows 8', 'more of them'],
  ],
  'limits set': [['limits set subflows 8 add_addr_accepted 8', 'the most that most kernels take']],
  'limits show': [['limits show', 'how many subflows a connection may have']],
  doctor: [
    ['doctor', 'everything that can be wrong, and what mends it'],
    ['doctor --peer server.example:443', 'whether a server speaks MPTCP over each uplink'],
    ['doctor --report', 'write a file for a bug report, without secrets'],
  ],
  flush: [
    ['flush', 'unless an open connection or this SSH session would be lost'],
    ['flush --force', 'even so'],
  ],
  reload: [['reload', 'after a change of the rules, or to end the pause after flush']],
  demo: [['demo', 'a quarter of a minute; needs no root']],
  version: [['version', 'which version this is']],
  completion: [
    ['completion bash >/etc/bash_completion.d/multihomed', 'for all users'],
    ['completion zsh >/usr/local/share/zsh/site-functions/_multihomed', 'for all users'],
    ['completion fish >~/.config/fish/completions/multihomed.fish', 'for you'],
  ],
};

const CLOSING = `
No path where one should be: status, then explain, then doctor.

Exit status: 0 done, 1 and 3 what doctor warns of and finds broken, 2 the kernel refused,
64 wrong arguments, 69 no MPTCP, 70 our own fault,
75 no daemon runs or another does, 77 not permitted, 78 wrong configuration.

More: man 8 multihomed, man 5 multihomed.yaml (rules), man 7 multihomed-hooks (scripts).`;

/** Adds the examples to the help of every command, and a pointer to the help to its errors. */
export function teach(command: Command, path = ''): void {
  command.showHelpAfterError(path === '' ? '(see multihomed --help)' : `(see multihomed ${path} --help)`);
  const examples = EXAMPLES[path] ?? [];
  if (examples.length > 0) command.addHelpText('after', examplesText(examples));
  if (path === '') command.addHelpText('after', CLOSING);
  for (const each of command.commands) teach(each, `${path} ${each.name()}`.trim());
}

function examplesText(examples: readonly Example[]): string {
  const width = Math.max(...examples.map(([line]) => line.length));
  const lines = examples.map(([line, purpose]) => `  multihomed ${line.padEnd(width)}  ${purpose}`);
  return `\nExamples:\n${lines.join('\n')}`;
}
