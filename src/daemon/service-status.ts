/** The daemon's state in words for the service manager: STATUS= of sd_notify(3), which `systemctl status` shows. */
import { counted } from '../messages/count.ts';
import { printable } from '../system/printable.ts';
import type { PassResult } from './parts.ts';

/** `1 of 2 uplinks active: eth0 10.0.0.2` */
export function statusText({ plan, state }: Pick<PassResult, 'plan' | 'state'>): string {
  if (state.paused) return 'paused since "multihomed flush"; resume with "multihomed reload"';
  const uplinks = plan.uplinks.filter((uplink) => uplink.state !== 'ignored');
  const active = uplinks.filter((uplink) => uplink.state === 'active');
  const names = active.map((uplink) => `${printable(uplink.interface)} ${uplink.address}`).join(', ');
  const count = `${active.length} of ${counted(uplinks.length, 'uplink')} active`;
  return names === '' ? count : `${count}: ${names}`;
}
