/** The help that `?` shows. */
import { span, type Glyphs, type Span } from './text.ts';

export function helpLines({ arrows, levels }: Glyphs): Span[][] {
  const keys: readonly (readonly [string, string])[] = [
    ['q', 'quit'],
    ['s', 'sort by rate, bytes, round trip, retransmits, peer, arrival'],
    ['f', 'filter by address, port, interface, state; Esc shows all'],
    [`${arrows}, PgUp, PgDn`, 'scroll; Home and End, too'],
    ['Ctrl-L', 'draw everything anew'],
    ['?', 'this page'],
  ];
  const words: readonly (readonly [string, string])[] = [
    ['open', 'the subflow carries data'],
    ['backup', 'it does so only when no other can'],
    ['stalled', 'nothing that was sent on it is acknowledged any more'],
    ['plain', 'the peer or something on the way does not speak MPTCP'],
    ['no path', 'it waits for one; the kernel gives it up after a minute'],
    [`${levels[0]}${levels[3]}${levels[7]}`, 'bytes a second, in and out, the newest at the right'],
  ];
  const list = (title: string, pairs: readonly (readonly [string, string])[]): Span[][] => [
    [span(`  ${title}`, 'dim')],
    ...pairs.map(([name, text]) => [span(`  ${name.padEnd(18)}`, 'bold'), span(text)]),
    [],
  ];
  return [...list('KEYS', keys), ...list('WORDS', words)];
}
