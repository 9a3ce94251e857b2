/** Formats one line of `monitor`: text for people, or one JSON document. */
import type { MptcpEvent } from '../../netlink/mptcp/event.ts';
import { tokenText } from '../../netlink/mptcp/token.ts';
import { errnoName } from '../../system/system-error.ts';
import { printable } from '../../system/printable.ts';
import { colours } from '../print.ts';
import type { UplinkChange } from './change.ts';

/** The name of an interface; undefined when it is gone. */
type Name = string | undefined;

/** The local time of day, to the millisecond; JSON also has the date. */
export const clockText = (time: Date): string =>
  [time.getHours(), time.getMinutes(), time.getSeconds()]
    .map((part) => String(part).padStart(2, '0'))
    .join(':') + `.${String(time.getMilliseconds()).padStart(3, '0')}`;

export const uplinkJson = (time: Date, change: UplinkChange): object => ({
  version: 1,
  time: time.getTime(),
  event: 'uplink',
  ...change,
});

export function uplinkLine(time: Date, change: UplinkChange): string {
  const { interface: name, address, state, was, reason, endpoint, gateway } = change;
  const same = was === state;
  const paint =
    state === 'active'
      ? colours.green
      : state === 'conflict' || state === 'failed' || state === 'gone'
        ? colours.red
        : colours.yellow;
  const transition = was === null || same ? paint(state) : `${was} → ${paint(state)}`;
  const facts = [
    ...(gateway === null || state !== 'active' ? [] : [`gateway ${gateway}`]),
    ...(endpoint === null ? [] : [`endpoint ${endpoint.id} ${endpoint.flags.join(',')}`]),
  ];
  const more = facts.length === 0 ? '' : colours.dim(` (${facts.join(', ')})`);
  const subject = `${printable(name)}${address === null ? '' : ` ${address}`}`;
  return `${colours.dim(clockText(time))}  uplink  ${subject}: ${transition}: ${printable(reason)}${more}`;
}

export const mptcpJson = (time: Date, event: MptcpEvent, name: Name): object => {
  const { kind, token, error, ...rest } = event;
  return {
    version: 1,
    time: time.getTime(),
    event: kind,
    token: token === null ? null : tokenText(token),
    ...rest,
    interface: name ?? null,
    error: error === null ? null : errnoName(error),
  };
};

export function mptcpLine(time: Date, event: MptcpEvent, name: Name): string {
  const { kind, token, local, remote, localId, remoteId, backup, error, ifindex, serverSide } = event;
  const side = ({ address, port }: { address: string; port: number }): string =>
    port === 0 ? address : address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
  const ends = [local, remote].filter((each) => each !== null).map(side);
  const words = [
    ...(ends.length > 0 ? [ends.join(' → ')] : []),
    ...(ifindex === null ? [] : [`on ${printable(name ?? `if${ifindex}`)}`]),
    ...(localId === null && remoteId === null
      ? []
      : [`id ${[localId, remoteId].map((id) => id ?? '-').join('/')}`]),
    ...(backup ? ['backup'] : kind === 'subflow-priority' && backup === false ? ['no backup'] : []),
    ...(serverSide ? ['accepted here'] : []),
    ...(error === null ? [] : [colours.red(errnoName(error))]),
  ];
  const subject = token === null ? '        ' : tokenText(token);
  return `${colours.dim(clockText(time))}  mptcp   ${subject} ${kind.replace('-', ' ')} ${words.join(' ')}`.trimEnd();
}
