/** The tree of commands and their options. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { PACKAGE_ROOT } from '../system/root.ts';
import { LOG_TARGETS } from '../system/log.ts';
import { EXIT } from './exit.ts';
import { registerIpMptcp } from './ipmptcp/registration.ts';
import { teach } from './help.ts';
import { JSON_LINES, JSON_OPTION, NETNS_OPTION } from './options.ts';
import { print, printExact, rendered } from './print.ts';

/** Each command is imported when it is called, so that none waits for modules that it does not need. */
export function program(setCode: (code: number) => void): Command {
  const root = new Command('multihomed')
    .description('Gives Multipath TCP every uplink of this host, as it comes and goes.')
    .version(version(), '-V, --version')
    .showSuggestionAfterError()
    .configureOutput({
      writeOut: (text) => void process.stdout.write(rendered(text)),
      writeErr: (text) => void process.stderr.write(rendered(text, process.stderr)),
    })
    .exitOverride();

  root
    .command('run')
    .description('the daemon, in the foreground')
    .option('--config <file>', 'read this one file and nothing else')
    .addOption(new Option('--log <target>', 'where the log goes').choices([...LOG_TARGETS]).default('stderr'))
    .option('--debug', 'log every step and every netlink request')
    .option('--dry-run', 'say what would be done, do nothing, and go on watching')
    .option('--once', 'bring everything to its state once, then end')
    .option('-n, --netns <name>', 'manage this network namespace ("ip netns")')
    .action(async (flags) => (await import('./run.ts')).runCommand(flags));

  root
    .command('status [interface]')
    .description('every uplink: its state and why')
    .option(...JSON_OPTION)
    .option('-v, --verbose', 'with counters of the daemon')
    .option(...NETNS_OPTION)
    .option('--config <file>', 'the rules to go by where no daemon runs')
    .action(async (name, flags) => setCode(await (await import('./status.ts')).statusCommand(name, flags)));

  root
    .command('explain <interface>')
    .description('why an uplink is as it is, step by step, and what to do')
    .option('-v, --verbose', 'each rule that does not match, and why')
    .option(...JSON_OPTION)
    .option(...NETNS_OPTION)
    .option('--config <file>', 'the rules to go by where no daemon runs')
    .action(async (name, flags) => setCode(await (await import('./explain.ts')).explainCommand(name, flags)));

  root
    .command('plan')
    .description('what run would change now, one action a line')
    .option(...JSON_OPTION)
    .option(...NETNS_OPTION)
    .option('--config <file>', 'read this one file and nothing else')
    .action(async (flags) => setCode(await (await import('./plan.ts')).planCommand(flags)));

  root
    .command('check [file]')
    .description('read the configuration and name every error in it')
    .option(...JSON_OPTION)
    .action(async (file, flags) => setCode(await (await import('./check.ts')).checkCommand(file, flags)));

  root
    .command('watch')
    .description('a screen that stays: uplinks, live connections and how much each path carries')
    .option('--interval <seconds>', 'how often it is drawn', seconds, 1)
    .option(...JSON_LINES)
    .option(...NETNS_OPTION)
    .option('--config <file>', 'the rules to go by where no daemon runs')
    .action(async (flags) => setCode(await (await import('./watch.ts')).watchCommand(flags)));

  root
    .command('doctor')
    .description('what is wrong with this host for Multipath TCP, and the command that mends it')
    .option('--peer <host:port>', 'connect there over each active uplink, and see whether it is MPTCP')
    .option('--report [file]', 'write a file for a bug report, without secrets')
    .option(...JSON_OPTION)
    .option(...NETNS_OPTION)
    .option('--config <file>', 'read this one file and nothing else')
    .addHelpText('after', '\nExit status: 0 nothing or notes, 1 warnings, 3 faults.')
    .action(async (flags) => setCode(await (await import('./doctor.ts')).doctorCommand(flags)));

  root
    .command('flush')
    .description('remove every endpoint, policy rule and route that multihomed has made')
    .option('--force', 'even where open connections or this SSH session would be lost')
    .option(...JSON_OPTION)
    .option(...NETNS_OPTION)
    .action(async (flags) => setCode(await (await import('./flush.ts')).flushCommand(flags)));

  root
    .command('reload')
    .description('make the daemon read its configuration again, and wait for the result; ends a pause')
    .option(...JSON_OPTION)
    .option(...NETNS_OPTION)
    .action(async (flags) => setCode(await (await import('./reload.ts')).reloadCommand(flags)));

  registerIpMptcp(root, setCode);

  root
    .command('demo')
    .description('a private network in which all of this can be seen; touches nothing of this host')
    .option(...JSON_LINES)
    .addOption(new Option('--as <part>').choices(['laptop', 'internet']).hideHelp())
    .action(async (flags) => setCode(await (await import('./demo.ts')).demoCommand(flags)));

  root
    .command('completion')
    .description('what a shell reads to complete command lines')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh', 'fish']))
    .action(async (shell) => setCode((await import('./completion.ts')).completionCommand(shell, root)));

  root
    .command('__complete', { hidden: true })
    .addArgument(new Argument('<what>').choices(['endpoint']))
    .action(async () => setCode(await (await import('./complete.ts')).completeCommand()));

  root
    .command('version')
    .description('which version this is')
    .option(...JSON_OPTION)
    .action((flags: { readonly json?: boolean }) =>
      flags.json
        ? printExact(JSON.stringify({ version: 1, multihomed: packageVersion() }))
        : print(version()),
    );

  // "run" stays in its own namespace and manages the other one from there.
  root.hook('preAction', async (_, action) => {
    const { netns } = action.opts<{ netns?: string }>();
    if (netns !== undefined && action.name() !== 'run') (await import('./netns.ts')).enterNetns(netns);
  });
  for (const command of root.commands) command.exitOverride();
  teach(root);
  return root;
}

/** Parses an interval. A shorter one could not be followed by eye, and a longer one would not look live. */
function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0.1 && value <= 3600) return value;
  throw new InvalidArgumentError('It takes seconds, from 0.1 to 3600.');
}

function packageVersion(): string {
  const text = readFileSync(join(PACKAGE_ROOT, 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

const version = (): string => `multihomed ${packageVersion()}`;

/** commander ends with 0 for help and version, and with another code for wrong arguments. */
export const codeOf = (exitCode: number): number => (exitCode === 0 ? EXIT.done : EXIT.usage);
