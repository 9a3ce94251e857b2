/**
 * Sends one empty datagram over each active uplink, bound to its interface and address as subflows are. It shows what
 * no route look-up shows: a firewall that refuses such packets, or marks them so that policy rules lead them elsewhere.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Requester } from '../../netlink/connection.ts';
import type { Family } from '../../netlink/ip.ts';
import { forgetUnresolved, isIncomplete } from '../../netlink/route/neighbour.ts';
import { datagramSocket } from '../../system/addon.ts';
import { SystemError } from '../../system/system-error.ts';
import type { DepartureFacts, HostView } from '../facts.ts';

/**
 * Destinations: first an address for documentation (RFC 5737, RFC 3849), where no host is. Hosts may have routes that
 * refuse it, so an address of AS112 (RFC 7535), which no filter contains, must fail too. With a hop limit of 1 the
 * gateway drops both.
 */
const DESTINATIONS: Readonly<Record<Family, readonly string[]>> = {
  ipv4: ['203.0.113.1', '192.31.196.1'],
  ipv6: ['2001:db8::1', '2001:4:112::1'],
};
/** HTTPS over QUIC, which firewalls for outgoing packets usually permit. */
const PORT = 443;
/** Milliseconds within which a neighbour answers; the kernel itself gives up after three seconds. */
const ANSWER_MS = 1_000;
const POLL_MS = 50;

type DepartureOutcome = DepartureFacts['outcome'];

/** @throws NetlinkError */
export async function tryDepartures(
  route: Requester,
  { plan, snapshot }: HostView,
): Promise<DepartureFacts[]> {
  const facts = plan.uplinks.map(async (uplink): Promise<DepartureFacts[]> => {
    const { family, address, interface: device } = uplink;
    const ifindex = [...snapshot.links.values()].find(({ name }) => name === device)?.index;
    if (uplink.state !== 'active' || !family || !address || ifindex === undefined) return [];
    const outcome = await departs(route, { family, address, device, ifindex });
    return [{ uplink: { interface: device, address, family }, outcome }];
  });
  return (await Promise.all(facts)).flat();
}

interface Sender {
  readonly family: Family;
  readonly address: string;
  readonly device: string;
  readonly ifindex: number;
}

async function departs(route: Requester, sender: Sender): Promise<DepartureOutcome> {
  let last: DepartureOutcome = { kind: 'sent' };
  for (const destination of DESTINATIONS[sender.family]) {
    last = await depart(route, sender, destination);
    if (last.kind === 'sent') break;
  }
  return last;
}

async function depart(route: Requester, sender: Sender, destination: string): Promise<DepartureOutcome> {
  const code = await send(sender, destination);
  if (code !== null) return { kind: 'refused', code };
  const end = performance.now() + ANSWER_MS;
  while (await isIncomplete(route, destination, sender.ifindex)) {
    if (performance.now() > end) {
      await forgetUnresolved(route, destination, sender.ifindex);
      return { kind: 'on-link' };
    }
    await sleep(POLL_MS);
  }
  return { kind: 'sent' };
}

/** @returns the name of the errno; null: the datagram was sent */
async function send({ family, address, device }: Sender, destination: string): Promise<string | null> {
  const socket = createSocket(family === 'ipv4' ? 'udp4' : 'udp6');
  try {
    const fd = datagramSocket(family, 'udp', { address, device });
    // With a descriptor, the event comes before `bind` returns.
    const listening = once(socket, 'listening');
    socket.bind({ fd });
    await listening;
    socket.setTTL(1);
    return await new Promise((resolve) => {
      socket.send(Buffer.alloc(0), PORT, destination, (error) =>
        resolve(error ? ((error as NodeJS.ErrnoException).code ?? error.message) : null),
      );
    });
  } catch (error) {
    if (error instanceof SystemError) return error.code;
    throw error;
  } finally {
    socket.close();
  }
}
