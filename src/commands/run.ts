/** `multihomed run`: the daemon, in the foreground. */
import { ControlError } from '../control/client.ts';
import { HeldError, run, UnfinishedError } from '../daemon/run.ts';
import { NoMptcpError } from '../daemon/kernel.ts';
import { NetlinkError } from '../netlink/error.ts';
import { NEEDS_ROOT } from '../system/privilege.ts';
import { RuntimeFolderError } from '../system/runtime.ts';
import { openLog, type LogTarget } from '../system/logger.ts';
import { forbiddenFamily, SystemError } from '../system/system-error.ts';
import { configurationOrExit } from './configuration.ts';
import { CommandError, EXIT } from './exit.ts';
import { namespacePath } from './netns.ts';
import { requireNetAdmin } from './privilege.ts';

export interface RunFlags {
  readonly config?: string;
  readonly log: LogTarget;
  readonly debug?: boolean;
  readonly dryRun?: boolean;
  readonly once?: boolean;
  readonly netns?: string;
}

export async function runCommand(flags: RunFlags): Promise<void> {
  requireNetAdmin();
  const load = flags.config === undefined ? {} : { config: flags.config };
  const configuration = await configurationOrExit(load);
  const log = openLog(flags.log, flags.debug ?? false);
  for (const warning of configuration.warnings) log.warn(warning);
  try {
    await run({
      configuration,
      load,
      log,
      dryRun: flags.dryRun ?? false,
      once: flags.once ?? false,
      netns: flags.netns === undefined ? undefined : namespacePath(flags.netns),
      trace: flags.debug ?? false,
    });
  } catch (error) {
    throw explained(error);
  }
}

const CONTROL_EXIT: Readonly<Record<ControlError['code'], number>> = {
  unanswered: EXIT.daemon,
  starting: EXIT.daemon,
  busy: EXIT.daemon,
  permission: EXIT.permission,
  configuration: EXIT.configuration,
  unfinished: EXIT.refused,
  request: EXIT.software,
  internal: EXIT.software,
};

export function explained(error: unknown): unknown {
  const family = forbiddenFamily(error);
  if (family !== null)
    return new CommandError(
      EXIT.refused,
      `sockets of ${family} are forbidden to this process (EAFNOSUPPORT); where systemd runs it, its unit needs\n` +
        '    RestrictAddressFamilies=AF_UNIX AF_NETLINK AF_INET AF_INET6',
    );
  if (error instanceof ControlError) return new CommandError(CONTROL_EXIT[error.code], error.message);
  if (error instanceof UnfinishedError) return new CommandError(EXIT.refused, error.message);
  if (error instanceof HeldError) return new CommandError(EXIT.daemon, error.message);
  if (error instanceof NoMptcpError) return new CommandError(EXIT.unavailable, error.message);
  if (error instanceof NetlinkError && error.code === 'EPERM')
    return new CommandError(EXIT.permission, `${NEEDS_ROOT}: ${error.message}`);
  if (error instanceof NetlinkError)
    return new CommandError(EXIT.refused, `the kernel refused: ${error.message}`);
  if (error instanceof RuntimeFolderError)
    return new CommandError(error.permission ? EXIT.permission : EXIT.refused, error.message);
  if (error instanceof SystemError && (error.code === 'EPERM' || error.code === 'EACCES'))
    return new CommandError(EXIT.permission, `${NEEDS_ROOT}: ${error.message}`);
  if (error instanceof SystemError && error.code === 'ENOENT')
    return new CommandError(EXIT.usage, `there is no such network namespace: ${error.message}`);
  return error;
}
