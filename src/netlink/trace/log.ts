/** Logs every netlink message, for `run --debug`. Loaded only for this option. */
import type { Log } from '../../system/log.ts';
import type { Trace } from '../connection.ts';
import { messageText } from './text.ts';

/** A trace that writes each message to the log at debug level. */
export const traceTo =
  (log: Log): Trace =>
  (direction, message, operation, protocol) =>
    log.debug(
      `netlink ${direction} (${operation}): ${messageText(message, protocol, operation === 'event' ? 'event' : 'request')}`,
    );
