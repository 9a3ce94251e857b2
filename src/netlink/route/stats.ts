/** Packet counters of a link: RTM_GETSTATS, struct if_stats_msg and struct rtnl_link_stats64 (linux/if_link.h). */
import { Attributes, DecodeError } from '../attribute.ts';
import { readU64, Writer } from '../bytes.ts';
import type { Requester } from '../connection.ts';
import type { Message } from '../message.ts';

const RTM_NEWSTATS = 92;
const RTM_GETSTATS = 94;
const IFLA_STATS_LINK_64 = 1;
/** Size of struct if_stats_msg. */
const HEADER = 12;

export interface LinkStats {
  /** Packets received and sent since the link was created. */
  readonly received: number;
  readonly sent: number;
}

/** @throws DecodeError */
export function decodeLinkStats({ payload }: Message): LinkStats {
  const stats = new Attributes(payload.subarray(HEADER)).bytes(IFLA_STATS_LINK_64, 16);
  if (!stats) throw new DecodeError('link counters without rtnl_link_stats64');
  return { received: Number(readU64(stats, 0)), sent: Number(readU64(stats, 8)) };
}

/**
 * The counters of one link.
 * @throws NetlinkError ENODEV if there is no such link; DecodeError
 */
export async function getLinkStats(requester: Requester, ifindex: number): Promise<LinkStats> {
  const payload = new Writer()
    .u32(0)
    .u32(ifindex)
    .u32(1 << (IFLA_STATS_LINK_64 - 1))
    .done();
  const operation = `link statistics of interface ${ifindex}`;
  const messages = await requester.request({ operation, type: RTM_GETSTATS, payload });
  const message = messages.find(({ type }) => type === RTM_NEWSTATS);
  if (!message) throw new DecodeError(`${operation} were not answered`);
  return decodeLinkStats(message);
}
