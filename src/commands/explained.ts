/** Maps errors of the lower layers to exit codes and messages. */
import { ControlError } from '../control/error.ts';
import { HeldError, UnfinishedError } from '../daemon/error.ts';
import { NetlinkError, NoMptcpError } from '../netlink/error.ts';
import { NEEDS_ROOT } from '../system/privilege.ts';
import { RuntimeFolderError } from '../system/runtime.ts';
import { forbiddenFamily, SystemError } from '../system/system-error.ts';
import { CommandError, EXIT } from './exit.ts';

const CONTROL_EXIT: Readonly<Record<ControlError['code'], number>> = {
  unanswered: EXIT.daemon,
  starting: EXIT.daemon,
  busy: EXIT.daemon,
  permission: EXIT.permission,
  untrusted: EXIT.permission,
  configuration: EXIT.configuration,
  unfinished: EXIT.refused,
  request: EXIT.software,
  internal: EXIT.software,
};

/** @returns a CommandError, or the error itself when it is of no known kind */
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
    return new CommandError(error.code === 'permission' ? EXIT.permission : EXIT.refused, error.message);
  if (error instanceof SystemError && (error.code === 'EPERM' || error.code === 'EACCES'))
    return new CommandError(EXIT.permission, `${NEEDS_ROOT}: ${error.message}`);
  if (error instanceof SystemError && error.code === 'ENOENT')
    return new CommandError(EXIT.usage, `there is no such network namespace: ${error.message}`);
  return error;
}
