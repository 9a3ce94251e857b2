/** The help that `?` shows. */
import { span, type Glyphs, type Span } from './text.ts';

export function helpLines({ arrows, levels }: Glyphs): Span[][] {
  const keys: readonly (readonly [string, string])[] = [
    ['q', 'quit'],
    ['s', 'sort by rate, bytes, round trip, retransmits, peer, arrival'],
    ['f', 'filter by address, port, interface, state; Esc shows all'],
    [`${arrows}, PgUp, PgDn`, 'scroll; Home and End, too'],
    ['Ctrl-L', 'redraw the screen'],
    ['?', 'this page'],
  ];
  const words: readonly (readonly [string, string])[] = [
    ['open', 'the subflow carries data'],
    ['backup', 'it carries data only when no other can'],
    ['stalled', 'data sent on it is no longer acknowledged'],
    ['plain', 'TCP: the peer or a middlebox does not support MPTCP'],
    ['no path', 'no subflow works; the kernel closes it after a minute'],
    [`${levels[0]}${levels[3]}${levels[7]}`, 'bytes per second, in and out; the newest at the right'],
  ];
  const list = (title: string, pairs: readonly (readonly [string, string])[]): Span[][] => [
    [span(`  ${title}`, 'dim')],
    ...pairs.map(([name, text]) => [span(`  ${name.padEnd(18)}`, 'bold'), span(text)]),
    [],
  ];
  return [...list('KEYS', keys), ...list('WORDS', words)];
}
