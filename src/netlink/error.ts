/** The error of every netlink request that fails. */
import { errnoName } from '../system/system-error.ts';
import { Attributes, DecodeError, NLA_TYPE_MASK } from './attribute.ts';
import { readS32, readU16 } from './bytes.ts';
import { ackAttributesOffset, HEADER_LENGTH, type Message } from './message.ts';

const NLMSGERR_ATTR_MSG = 1;
const NLMSGERR_ATTR_OFFS = 2;

export interface NetlinkFailure {
  /** The request in words: `route add default via 192.0.2.1 dev wwan0 table 86840003`. */
  readonly operation: string;
  /** Positive, as in errno(3). */
  readonly errno: number;
  /** The kernel's text from the extended acknowledgement. */
  readonly kernelText?: string | undefined;
  /** Type of the attribute that the extended acknowledgement refers to. */
  readonly attribute?: number | undefined;
}

export class NetlinkError extends Error {
  override readonly name = 'NetlinkError';
  readonly operation: string;
  readonly errno: number;
  /** Name of the errno: `EEXIST`. */
  readonly code: string;
  readonly kernelText: string | undefined;
  readonly attribute: number | undefined;

  constructor(failure: NetlinkFailure) {
    const code = errnoName(failure.errno);
    const text = failure.kernelText === undefined ? '' : `: ${failure.kernelText}`;
    const attribute = failure.attribute === undefined ? '' : ` (attribute ${failure.attribute})`;
    super(`${failure.operation}: ${code}${text}${attribute}`);
    this.operation = failure.operation;
    this.errno = failure.errno;
    this.code = code;
    this.kernelText = failure.kernelText;
    this.attribute = failure.attribute;
  }
}

/**
 * Decodes an NLMSG_ERROR, or an NLMSG_DONE that carries an error. `request`: its
 * bytes, to find the refused attribute.
 * @returns null: a plain acknowledgement
 * @throws DecodeError
 */
export function decodeError(message: Message, operation: string, request?: Buffer): NetlinkError | null {
  if (message.payload.length < 4) throw new DecodeError('acknowledgement without its error number');
  const errno = -readS32(message.payload, 0);
  if (errno === 0) return null;
  let kernelText: string | undefined;
  let attribute: number | undefined;
  const offset = ackAttributesOffset(message);
  if (offset !== null && offset <= message.payload.length) {
    const acknowledged = new Attributes(message.payload.subarray(offset));
    kernelText = acknowledged.string(NLMSGERR_ATTR_MSG);
    const at = acknowledged.u32(NLMSGERR_ATTR_OFFS);
    if (at !== undefined && request && at >= HEADER_LENGTH && at + 4 <= request.length)
      attribute = readU16(request, at + 2) & NLA_TYPE_MASK;
  }
  return new NetlinkError({ operation, errno, kernelText, attribute });
}

const UNANSWERED = new Set(['ENOBUFS', 'ETIMEDOUT', 'ECANCELED', 'EBADMSG']);

/** No answer came: the next snapshot shows whether the kernel executed the request. */
export const isUnanswered = ({ code }: NetlinkError): boolean => UNANSWERED.has(code);

/** The kernel has no MPTCP, or it is disabled: exit code 69. */
export class NoMptcpError extends Error {
  override readonly name = 'NoMptcpError';
}
