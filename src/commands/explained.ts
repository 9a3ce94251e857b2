/** Maps errors of the lower layers to exit codes and messages. */
import { ControlError, SilentError } from '../control/error.ts';
import { HeldError, UnfinishedError } from '../daemon/error.ts';
import { NetlinkError, NoMptcpError } from '../netlink/error.ts';
import { NEEDS_ROOT } from '../system/privilege.ts';
import { RuntimeFolderError } from '../system/runtime.ts';
import { forbiddenFamily, SystemError } from '../system/system-error.ts';
import { remedyText } from '../system/shell-quote.ts';
import { hasUnit, restartRemedy } from '../system/unit.ts';
import { ExitError, EXIT } from './exit.ts';

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

/** @returns an ExitError, or the error itself when it is of no known kind */
export function explained(error: unknown): unknown {
  const family = forbiddenFamily(error);
  if (family !== null)
    return new ExitError(
      EXIT.refused,
      `this process may not open sockets of ${family} (EAFNOSUPPORT). If systemd runs it, the unit needs:\n` +
        '    RestrictAddressFamilies=AF_UNIX AF_NETLINK AF_INET AF_INET6',
    );
  if (error instanceof SilentError) return new ExitError(EXIT.daemon, silentText(error));
  if (error instanceof ControlError) return new ExitError(CONTROL_EXIT[error.code], error.message);
  if (error instanceof UnfinishedError) return new ExitError(EXIT.refused, error.message);
  if (error instanceof HeldError) return new ExitError(EXIT.daemon, error.message);
  if (error instanceof NoMptcpError) return new ExitError(EXIT.unavailable, error.message);
  if (error instanceof NetlinkError && error.code === 'EPERM')
    return new ExitError(EXIT.permission, `${NEEDS_ROOT}: ${error.message}`);
  if (error instanceof NetlinkError)
    return new ExitError(EXIT.refused, `the kernel refused: ${error.message}`);
  if (error instanceof RuntimeFolderError)
    return new ExitError(error.code === 'permission' ? EXIT.permission : EXIT.refused, error.message);
  if (error instanceof SystemError && (error.code === 'EPERM' || error.code === 'EACCES'))
    return new ExitError(EXIT.permission, `${NEEDS_ROOT}: ${error.message}`);
  if (error instanceof SystemError && error.code === 'ENOENT')
    return new ExitError(EXIT.usage, `${error.subject}: no such network namespace; "ip netns" lists them`);
  return error;
}

function silentText({ message, pid }: SilentError): string {
  const restart = remedyText(restartRemedy(pid, { systemd: hasUnit() }));
  return restart === null ? message : `${message}. If it does not recover, restart it:\n    ${restart}`;
}
