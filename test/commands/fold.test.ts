/** Lines and tables that fit the width of a terminal: values only. */
import { describe, expect, test } from 'vitest';
import { fold, tableText, WHOLE, widthOf } from '../../src/commands/fold.ts';

const lines = (text: string): string[] => text.split('\n');

describe('fold', () => {
  test.each([
    ['a line that fits stays as it is', 'one  two ', 20, 'one  two '],
    ['continuation lines are indented behind a sign', '✗ one two three four', 12, '✗ one two\n  three four'],
    [
      'continuation lines are indented behind a gap',
      'eth0  one two three four five six seven',
      30,
      'eth0  one two three four five\n      six seven',
    ],
    [
      'continuation lines are indented by two otherwise',
      '  one two three four five',
      14,
      '  one two\n    three four\n    five',
    ],
    ['a word that is too wide is cut at the edge', 'abcdefghij', 4, 'abcd\n  ef\n  gh\n  ij'],
    ['wide characters take two cells', '有有有 有有', 8, '有有有\n  有有'],
    ['each line is folded separately', 'one two\nthree four', 7, 'one two\nthree\n  four'],
  ])('%s', (_, text, width, folded) => expect(fold(text, width)).toBe(folded));

  test('a command to paste is never folded', () => {
    const command = `    ${WHOLE}ip route add default via 192.0.2.1 dev eth0`;
    expect(fold(command, 10)).toBe(command);
  });

  test('escape sequences for colours take no cell', () => {
    expect(widthOf('\udc01bold\udc16')).toBe(4);
    expect(fold('\udc01one\udc16 two', 7)).toBe('\udc01one\udc16 two');
  });

  test('property: no line is wider than the terminal', () => {
    const text =
      '  ✓ default route  via 192.0.2.1 dev eth0, metric 100, table main: ümläut 有有有有有有有有有';
    for (let width = 8; width < 100; width++)
      for (const line of lines(fold(text, width))) expect(widthOf(line)).toBeLessThanOrEqual(width);
  });
});

describe('table', () => {
  const rows = [
    ['INTERFACE', 'ADDRESS', 'TABLE', 'REASON'],
    ['eth0', '192.0.2.1', '86840002', 'the other gateway is taken because its metric is lower'],
    ['有有', '2001:db8::1', 'main', ''],
  ];

  test('without a terminal nothing is cut', () => {
    expect(lines(tableText(rows, { width: null, drop: ['TABLE'] }))).toEqual([
      'INTERFACE  ADDRESS      TABLE     REASON',
      'eth0       192.0.2.1    86840002  the other gateway is taken because its metric is lower',
      '有有       2001:db8::1  main',
    ]);
  });

  test('a narrow terminal drops columns and wraps the last one', () => {
    expect(lines(tableText(rows, { width: 50, drop: ['TABLE'] }))).toEqual([
      'INTERFACE  ADDRESS      REASON',
      'eth0       192.0.2.1    the other gateway is taken',
      '                        because its metric is',
      '                        lower',
      '有有       2001:db8::1',
    ]);
  });
});
