/** Counts of the subflows of each uplink, for `status -v`. */
import type { UplinkDocument } from '../control/document.ts';
import { counted } from '../messages/count.ts';
import { obstacleText } from '../messages/reason.ts';
import { isCarrying, type SubflowSocket } from '../netlink/diag.ts';
import { printable } from '../system/printable.ts';
import { ago, bytes } from '../watch/units.ts';

type Failure = NonNullable<UplinkDocument['subflows']>['lastFailure'];

/** One line for each uplink whose subflows are counted. `sockets`: the subflows that are open now. */
export function subflowLines(
  uplinks: readonly UplinkDocument[],
  sockets: readonly SubflowSocket[],
  now: number,
): string[] {
  const lines = uplinks.flatMap(({ interface: name, address, subflows }) => {
    if (!subflows || address === null) return [];
    const { established, failed, lastFailure, lost, lastLoss, obstacle } = subflows;
    const open = sockets.filter((socket) => socket.local.address === address && isCarrying(socket));
    const sum = (of: (traffic: NonNullable<SubflowSocket['traffic']>) => number): number =>
      open.reduce((all, { traffic }) => all + (traffic ? of(traffic) : 0), 0);
    const retransmits = sum((traffic) => traffic.retransmits);
    const parts = [
      `${counted(established, 'subflow')} established`,
      `${failed} failed${lastText(lastFailure, now)}`,
      `${lost} lost${lastText(lastLoss, now)}`,
    ];
    const traffic =
      open.length === 0
        ? ''
        : ` (${bytes(sum(({ received }) => received))} in, ${bytes(sum(({ acked }) => acked))} out, ` +
          `${counted(retransmits, 'segment')} sent again)`;
    const text = obstacle === null ? '' : `; not opened again: ${obstacleText(obstacle)}`;
    return [`${printable(name)} ${address}: ${parts.join(', ')}; ${open.length} open${traffic}${text}`];
  });
  return lines.length === 0 ? [] : ['', ...lines];
}

const lastText = (last: Failure, now: number): string =>
  last === null ? '' : ` (last: ${last.errno}, ${ago(Math.max(0, now - last.time))})`;
