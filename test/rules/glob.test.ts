/** Globs: what they match, which are invalid, and that matching takes bounded time. Values only. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isGlob, parseGlob } from '../../src/rules/glob.ts';

function matches(glob: string, name: string): boolean {
  const parsed = parseGlob(glob);
  if (!isGlob(parsed)) throw new Error(`${parsed.found}; expected ${parsed.expected}`);
  return parsed.matches(name);
}

describe('globs that match', () => {
  test.each([
    ['eth0', 'eth0', true],
    ['eth0', 'eth01', false],
    ['eth0', 'xeth0', false],
    ['eth*', 'eth', true],
    ['eth*', 'eth0.100', true],
    ['*', 'a', true],
    ['*', '.hidden', true],
    ['**', 'eth0', true],
    ['eth?', 'eth1', true],
    ['eth?', 'eth', false],
    ['?eth', '.eth', true],
    ['docker*|veth*|virbr*', 'veth12ab', true],
    ['docker*|veth*|virbr*', 'eth0', false],
    [' eth0 | wlan0 ', 'wlan0', true],
    ['eth[0-2]', 'eth2', true],
    ['eth[0-2]', 'eth3', false],
    ['eth[!0-2]', 'eth3', true],
    ['eth[^0-2]', 'eth2', false],
    ['[]x]a', ']a', true],
    ['[a-]x', '-x', true],
    ['[*]', '*', true],
    ['[*]', 'a', false],
    ['a[|]b', 'a|b', true],
    ['a\\|b', 'a|b', true],
    ['a\\*b', 'a*b', true],
    ['a\\*b', 'axb', false],
    ['ETH0', 'eth0', false],
  ])('%s on %s: %s', (glob, name, answer) => expect(matches(glob, name)).toBe(answer));

  test.each([
    '{a,b}',
    '(a)',
    '!(a)',
    '@(a)',
    '+(a)',
    '!a',
    'a+',
    '^a$',
    'a.b',
    '"a"',
    "'a'",
    'a,b',
    '#a',
    '~a',
    '$a',
    './a',
  ])('an interface with the name %s matches it literally', (name) => {
    if (name.includes('/')) return expect(isGlob(parseGlob(name))).toBe(false);
    expect(matches(name, name)).toBe(true);
    for (const other of ['a', 'b', 'aa', 'xa', 'axb', 'a$']) {
      if (other !== name) expect(matches(name, other)).toBe(false);
    }
  });

  test('a glob without wildcards is one name', () => {
    const literal = (glob: string) => {
      const parsed = parseGlob(glob);
      return isGlob(parsed) ? parsed.literal : undefined;
    };
    expect(literal('wwan0')).toBe('wwan0');
    expect(literal('a\\*')).toBe('a*');
    for (const glob of ['wwan*', 'wwan?', 'wwan[0]', 'a|b']) expect(literal(glob)).toBeNull();
  });
});

describe('invalid globs', () => {
  test.each([
    ['', 'an empty glob'],
    ['a||b', 'an empty alternative'],
    ['|a', 'an empty alternative'],
    ['a|', 'an empty alternative'],
    ['[a', '"[" without "]"'],
    ['[]', '"[" without "]"'],
    ['[z-a]', 'the range "z-a"'],
    ['a\\', '"\\" at the end'],
    ['a/b', 'with "/" or white space'],
    ['a b', 'with "/" or white space'],
    ['*a*b*c*d*e', 'more than 4 "*"'],
    ['x'.repeat(257), 'a glob of 257 characters'],
  ])('%j', (glob, found) => {
    const parsed = parseGlob(glob);
    expect(isGlob(parsed) ? 'a glob' : parsed.found).toContain(found);
  });
});

/** Matches by definition, slowly: globs without brackets, escapes and alternatives. */
function reference(glob: string, name: string): boolean {
  if (glob === '') return name === '';
  if (glob[0] === '*')
    return reference(glob.slice(1), name) || (name !== '' && reference(glob, name.slice(1)));
  return name !== '' && (glob[0] === '?' || glob[0] === name[0]) && reference(glob.slice(1), name.slice(1));
}

const character = fc.constantFrom(...'ab.-_:@{}()!+,$^"#~&%;=<>'.split(''));
/** `.` and `..` are not valid names for the kernel (dev_valid_name). */
const name = fc
  .array(character, { minLength: 1, maxLength: 8 })
  .map((all) => all.join(''))
  .filter((text) => !/^\.\.?$/.test(text));

test('property: every glob matches the names it describes', () => {
  const sign = fc.oneof(
    { weight: 3, arbitrary: character },
    { weight: 1, arbitrary: fc.constantFrom('*', '?') },
  );
  const glob = fc.array(sign, { minLength: 1, maxLength: 8 }).map((all) => all.join(''));
  fc.assert(
    fc.property(glob, name, (text, given) => {
      const parsed = parseGlob(text);
      if (isGlob(parsed)) expect(parsed.matches(given)).toBe(reference(text, given));
    }),
    { numRuns: 5000 },
  );
});

test('property: an escaped name only matches itself', () => {
  const any = fc
    .string({ minLength: 1, maxLength: 15, unit: 'binary' })
    .filter((text) => !/[\s/]/.test(text));
  fc.assert(
    fc.property(any, any, (one, other) => {
      const escaped = one.replace(/[*?[\]\\|]/g, '\\$&');
      expect(matches(escaped, one)).toBe(true);
      expect(matches(escaped, other)).toBe(one === other);
    }),
    { numRuns: 3000 },
  );
});

test('property: a class matches the characters that are in it', () => {
  const low = fc.integer({ min: 0x21, max: 0x7e }).filter((code) => code !== 0x2f);
  fc.assert(
    fc.property(low, low, low, fc.boolean(), (a, b, c, negated) => {
      const [first, last] = a < b ? [a, b] : [b, a];
      const range = `\\${String.fromCharCode(first)}-\\${String.fromCharCode(last)}`;
      const inside = c >= first && c <= last;
      if (range.includes('/')) return;
      expect(matches(`[${negated ? '!' : ''}${range}]`, String.fromCharCode(c))).toBe(inside !== negated);
    }),
    { numRuns: 3000 },
  );
});

test('property: any text is a glob or gives an error', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 300, unit: 'binary' }), name, (text, given) => {
      const parsed = parseGlob(text);
      if (isGlob(parsed)) expect(typeof parsed.matches(given)).toBe('boolean');
      else expect(parsed.found + parsed.expected).not.toBe('');
    }),
    { numRuns: 3000 },
  );
});

test('matching time is bounded, even for the longest altname', () => {
  const started = performance.now();
  expect(matches('*a*a*a*b', 'a'.repeat(127))).toBe(false);
  expect(matches('*?*?*?*b', 'a'.repeat(127))).toBe(false);
  expect(performance.now() - started).toBeLessThan(5000);
});
