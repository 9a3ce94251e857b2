/** The tree of commands and their options. */
import { Argument, Command, type CommanderError, InvalidArgumentError, Option } from 'commander';
import { LOG_TARGETS } from '../system/log.ts';
import { EXIT, type SetCode } from './exit.ts';
import { registerIpMptcp } from './ipmptcp/registration.ts';
import { addHelp } from './help.ts';
import { CONFIG_ONLY, CONFIG_WITHOUT_DAEMON, JSON_LINES, JSON_OPTION, NETNS_OPTION } from './options.ts';
import { complain, print, printExact, rendered } from './print.ts';
import { packageVersion } from './version.ts';

/** The shortest and the longest interval of `watch`, in seconds. */
const [MIN_INTERVAL, MAX_INTERVAL] = [0.1, 3600];

/**
 * Returns the program with all its commands, in the order in which its help lists them. Each command is imported when
 * it is called, so that none waits for modules that it does not need.
 */
export function program(setCode: SetCode): Command {
  const root = new Command('multihomed')
    .description('Gives Multipath TCP every uplink of this host, as it comes and goes.')
    .version(version(), '-V, --version')
    .showSuggestionAfterError()
    .configureOutput({
      writeOut: (text) => void process.stdout.write(rendered(text)),
      writeErr: (text) => void process.stderr.write(rendered(text, process.stderr)),
    })
    .exitOverride();
  registerRun(root);
  registerStatus(root, setCode);
  registerExplain(root, setCode);
  registerPlan(root, setCode);
  registerCheck(root, setCode);
  registerWatch(root, setCode);
  registerDoctor(root, setCode);
  registerFlush(root, setCode);
  registerReload(root, setCode);
  registerIpMptcp(root, setCode);
  registerDemo(root, setCode);
  registerCompletion(root, setCode);
  registerVersion(root);
  // "run" remains in its own namespace and manages the other one from there.
  root.hook('preAction', async (_, action) => {
    const { netns } = action.opts<{ netns?: string }>();
    if (netns !== undefined && action.name() !== 'run') (await import('./netns.ts')).enterNetns(netns);
  });
  for (const command of root.commands) command.exitOverride();
  root.exitOverride(hintAtOptions);
  addHelp(root);
  return root;
}

/** Options of ip(8) come before its object, and those of multihomed after the command. */
function hintAtOptions(error: CommanderError): never {
  if (error.code === 'commander.unknownOption')
    complain('Options come after the command: multihomed status --json');
  throw error;
}

function registerRun(root: Command): void {
  root
    .command('run')
    .description('run the daemon in the foreground')
    .option(...CONFIG_ONLY)
    .addOption(new Option('--log <target>', 'where the log goes').choices([...LOG_TARGETS]).default('stderr'))
    .option('--debug', 'log each step and each netlink message')
    .option('--dry-run', 'print what would be done, change nothing, and continue to listen')
    .option('--once', 'make all changes once, then end')
    .option('-n, --netns <name>', 'manage this network namespace ("ip netns")')
    .action(async (flags) => (await import('./run.ts')).runCommand(flags));
}

function registerStatus(root: Command, setCode: SetCode): void {
  root
    .command('status [interface]')
    .description('show the state of every uplink, and why')
    .option(...JSON_OPTION)
    .option('-v, --verbose', "also show the daemon's counters")
    .option(...NETNS_OPTION)
    .option(...CONFIG_WITHOUT_DAEMON)
    .action(async (name, flags) => setCode(await (await import('./status.ts')).statusCommand(name, flags)));
}

function registerExplain(root: Command, setCode: SetCode): void {
  root
    .command('explain <interface>')
    .description('show step by step why an uplink has its state, and what to do')
    .option('-v, --verbose', 'also show each rule that does not match, and why')
    .option(...JSON_OPTION)
    .option(...NETNS_OPTION)
    .option(...CONFIG_WITHOUT_DAEMON)
    .action(async (name, flags) => setCode(await (await import('./explain.ts')).explainCommand(name, flags)));
}

function registerPlan(root: Command, setCode: SetCode): void {
  root
    .command('plan')
    .description('show what "run" would change now, one action a line')
    .option(...JSON_OPTION)
    .option(...NETNS_OPTION)
    .option(...CONFIG_ONLY)
    .action(async (flags) => setCode(await (await import('./plan.ts')).planCommand(flags)));
}

function registerCheck(root: Command, setCode: SetCode): void {
  root
    .command('check [file]')
    .description('read the configuration and print every error in it')
    .option(...JSON_OPTION)
    .action(async (file, flags) => setCode(await (await import('./check.ts')).checkCommand(file, flags)));
}

function registerWatch(root: Command, setCode: SetCode): void {
  root
    .command('watch')
    .description('show uplinks, connections and the traffic of each path on a live screen')
    .option('--interval <seconds>', 'time between two screens', seconds, 1)
    .option(...JSON_LINES)
    .option(...NETNS_OPTION)
    .option(...CONFIG_WITHOUT_DAEMON)
    .action(async (flags) => setCode(await (await import('./watch.ts')).watchCommand(flags)));
}

function registerDoctor(root: Command, setCode: SetCode): void {
  root
    .command('doctor')
    .description('show what prevents Multipath TCP on this host, and the commands that fix it')
    .option('--peer <host:port>', 'connect to it over each active uplink, and show whether it supports MPTCP')
    .option('--report [file]', 'write a file for a bug report, without secrets')
    .option(...JSON_OPTION)
    .option(...NETNS_OPTION)
    .option(...CONFIG_ONLY)
    .addHelpText('after', '\nExit status: 0 nothing or notes, 1 warnings, 3 faults.')
    .action(async (flags) => setCode(await (await import('./doctor.ts')).doctorCommand(flags)));
}

function registerFlush(root: Command, setCode: SetCode): void {
  root
    .command('flush')
    .description('remove every endpoint, policy rule and route that multihomed added')
    .option('--force', 'remove them even if open connections or this SSH session are lost')
    .option(...JSON_OPTION)
    .option(...NETNS_OPTION)
    .action(async (flags) => setCode(await (await import('./flush.ts')).flushCommand(flags)));
}

function registerReload(root: Command, setCode: SetCode): void {
  root
    .command('reload')
    .description('make the daemon read its configuration again, and wait for the result; ends a pause')
    .option(...JSON_OPTION)
    .option(...NETNS_OPTION)
    .action(async (flags) => setCode(await (await import('./reload.ts')).reloadCommand(flags)));
}

function registerDemo(root: Command, setCode: SetCode): void {
  root
    .command('demo')
    .description('show multihomed in a private network; changes nothing on this host')
    .option(...JSON_LINES)
    .addOption(new Option('--as <part>').choices(['laptop', 'internet']).hideHelp())
    .action(async (flags) => setCode(await (await import('./demo.ts')).demoCommand(flags)));
}

function registerCompletion(root: Command, setCode: SetCode): void {
  root
    .command('completion')
    .description('print the completion script of a shell')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh', 'fish']))
    .action(async (shell) => setCode((await import('./completion.ts')).completionCommand(shell, root)));
  root
    .command('__complete', { hidden: true })
    .addArgument(new Argument('<what>').choices(['endpoint']))
    .action(async () => setCode(await (await import('./complete.ts')).completeCommand()));
}

function registerVersion(root: Command): void {
  root
    .command('version')
    .description('print the version')
    .option(...JSON_OPTION)
    .action((flags: { readonly json?: boolean }) =>
      flags.json
        ? printExact(JSON.stringify({ version: 1, multihomed: packageVersion() }))
        : print(version()),
    );
}

/** Parses an interval. A shorter one is too fast to read, and a longer one looks as if the screen had stopped. */
function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= MIN_INTERVAL && value <= MAX_INTERVAL) return value;
  throw new InvalidArgumentError(`It takes seconds, from ${MIN_INTERVAL} to ${MAX_INTERVAL}.`);
}

const version = (): string => `multihomed ${packageVersion()}`;

/** commander ends with 0 for help and version, and with another code for wrong arguments. */
export const codeOf = (exitCode: number): number => (exitCode === 0 ? EXIT.done : EXIT.usage);
