/** The peer of `--peer`, and one test connection to it over each active uplink. */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Requester } from '../netlink/connection.ts';
import type { Family } from '../netlink/ip.ts';
import type { Uplink } from '../plan/uplink.ts';
import type { ConnectionFacts, HostView } from './facts.ts';
import { attempt } from './facts/connection.ts';

export interface TestPeer {
  readonly host: string;
  readonly port: number;
}

export interface Target {
  readonly peer: TestPeer;
  readonly addresses: ReadonlyMap<Family, string>;
}

/** Parses `HOST:PORT` or `[2001:db8::1]:22`; returns null for any other text. */
export function parsePeer(text: string): TestPeer | null {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  return host && port > 0 && port < 65_536 ? { host, port } : null;
}

export async function tryPeer(
  diag: Requester,
  { peer, addresses }: Target,
  view: HostView,
  unread: string[],
): Promise<ConnectionFacts[]> {
  const active = view.plan.uplinks.filter((uplink) => uplink.state === 'active');
  const name = isIP(peer.host) === 6 ? `[${peer.host}]:${peer.port}` : `${peer.host}:${peer.port}`;
  const attempts = active.flatMap((uplink) => {
    const { family, address, interface: device } = uplink;
    const host = family && addresses.get(family);
    if (!family || !address || !host) return [];
    const expected = others(uplink, active).slice(0, view.snapshot.limits.subflows);
    return [
      attempt(diag, { family, host, port: peer.port, bind: { address, device }, expected }).then(
        (outcome) => ({
          uplink: { interface: device, address, family },
          peer: name,
          outcome,
        }),
      ),
    ];
  });
  if (attempts.length === 0)
    unread.push(
      `No connection to ${name} was tried: no uplink is active in a family in which it has an address.`,
    );
  return Promise.all(attempts);
}

/** The addresses of the other uplinks with the subflow flag, from which a join to the peer is expected. */
const others = (uplink: Uplink, active: readonly Uplink[]): string[] =>
  active
    .filter(
      (each) =>
        each.key !== uplink.key && each.family === uplink.family && each.rule?.flags.includes('subflow'),
    )
    .flatMap(({ address }) => (address === null ? [] : [address]));

/** Returns one address of each family of the host's name, or the resolver's error when it has none. */
export async function resolvePeer(peer: TestPeer): Promise<Target | string> {
  const addresses = new Map<Family, string>();
  try {
    for (const { address, family } of await lookup(peer.host, { all: true })) {
      const name: Family = family === 6 ? 'ipv6' : 'ipv4';
      if (!addresses.has(name)) addresses.set(name, address);
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code ?? message;
  }
  return { peer, addresses };
}
