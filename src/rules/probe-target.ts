/** Reads the targets under `health: { probe: { track } }`. */
import { isIPv4, isIPv6 } from 'node:net';
import type { Family } from '../netlink/ip.ts';

/** The kind of packets that a probe sends, and their destination. */
export interface ProbeTarget {
  /** As the user wrote it. */
  readonly text: string;
  /** `icmp`: an echo request; `tcp`: a connection; `http`: a HEAD request. */
  readonly method: 'icmp' | 'tcp' | 'http';
  readonly family: Family;
  readonly address: string;
  /** 0 for icmp. */
  readonly port: number;
  /** Path and query of the URL; `/` for the other methods. */
  readonly path: string;
}

/** The usual port of HTTP. */
const HTTP_PORT = 80;

/** @returns null: neither an address nor a URL that can be probed */
export function parseTarget(text: string): ProbeTarget | null {
  const bare = familyOf(text);
  if (bare) return { text, method: 'icmp', family: bare, address: text, port: 0, path: '/' };
  const url = parseUrl(text);
  if (!url || url.username !== '' || url.password !== '' || url.hash !== '') return null;
  const address = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const family = familyOf(address);
  if (!family) return null;
  if (url.protocol === 'http:') {
    const port = url.port === '' ? HTTP_PORT : Number(url.port);
    return { text, method: 'http', family, address, port, path: `${url.pathname}${url.search}` };
  }
  const isBare = (url.pathname === '' || url.pathname === '/') && url.search === '';
  if (url.protocol !== 'tcp:' || url.port === '' || url.port === '0' || !isBare) return null;
  return { text, method: 'tcp', family, address, port: Number(url.port), path: '/' };
}

/** Addresses with a zone are excluded: they are valid on one link only. */
const familyOf = (address: string): Family | null =>
  isIPv4(address) ? 'ipv4' : isIPv6(address) && !address.includes('%') ? 'ipv6' : null;

/** @returns null: not a URL */
function parseUrl(text: string): URL | null {
  try {
    return new URL(text);
  } catch {
    return null;
  }
}
