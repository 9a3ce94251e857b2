/** The bits of flag words: the kernel's MPTCP_PM_ADDR_FLAG_* (linux/mptcp.h). */
import {
  MPTCP_PM_ADDR_FLAG_BACKUP,
  MPTCP_PM_ADDR_FLAG_FULLMESH,
  MPTCP_PM_ADDR_FLAG_IMPLICIT,
  MPTCP_PM_ADDR_FLAG_LAMINAR,
  MPTCP_PM_ADDR_FLAG_SIGNAL,
  MPTCP_PM_ADDR_FLAG_SUBFLOW,
  type Endpoint,
} from './endpoint.ts';
import { FLAG_WORDS, type FlagWord } from './flag-words.ts';

export const FLAG_BITS: Readonly<Record<FlagWord, number>> = {
  signal: MPTCP_PM_ADDR_FLAG_SIGNAL,
  subflow: MPTCP_PM_ADDR_FLAG_SUBFLOW,
  backup: MPTCP_PM_ADDR_FLAG_BACKUP,
  fullmesh: MPTCP_PM_ADDR_FLAG_FULLMESH,
  laminar: MPTCP_PM_ADDR_FLAG_LAMINAR,
  implicit: MPTCP_PM_ADDR_FLAG_IMPLICIT,
};

/** The only bits that the kernel can change on an existing endpoint. */
export const CHANGEABLE = MPTCP_PM_ADDR_FLAG_BACKUP | MPTCP_PM_ADDR_FLAG_FULLMESH;

/** MPTCP_PM_ADDR_FLAG_* bits; words without a bit are ignored. */
export function flagBits(names: readonly string[]): number {
  return FLAG_WORDS.reduce((bits, word) => (names.includes(word) ? bits | FLAG_BITS[word] : bits), 0);
}

/** Flag words in the order in which `ip mptcp` prints them; bits without a name in hexadecimal, such as `0x40`. */
export function flagNames(bits: number): string[] {
  const known = FLAG_WORDS.filter((word) => bits & FLAG_BITS[word]);
  const rest = known.reduce((left, word) => left & ~FLAG_BITS[word], bits);
  return [...known, ...(rest ? [`0x${rest.toString(16)}`] : [])];
}

/** Flags that older kernels do not know. They accept an endpoint with such a flag, and drop the flag silently. */
export const NEWER_FLAGS = MPTCP_PM_ADDR_FLAG_LAMINAR;

/** Flags in which an endpoint may differ from the request. */
const LOOSE = CHANGEABLE | NEWER_FLAGS;

/** Whether the endpoint found under an id is the one that was added under it. */
export function sameEndpoint(added: Endpoint, found: Endpoint): boolean {
  return (
    added.address === found.address &&
    added.ifindex === found.ifindex &&
    ((added.flags ^ found.flags) & ~LOOSE) === 0 &&
    (found.flags & ~added.flags & NEWER_FLAGS) === 0
  );
}
