/** Finds the rule that applies to an interface, and says why the rules above it do not match. */
import { isGlob, parseGlob } from './glob.ts';
import type { Glob } from './glob.ts';
import type { Rule } from './rule.ts';

export interface LinkNames {
  readonly name: string;
  readonly altnames: readonly string[];
  /** Name of the driver (sysfs device/driver); null when the interface has none. */
  readonly driver: string | null;
  /** Hardware address in lower case; absent when the interface has none. */
  readonly hardware?: string;
  /** Where its device is plugged in (udev's ID_PATH); null when it has no such path. */
  readonly path?: string | null;
}

export interface Match {
  /** Null when no rule matches; multihomed then leaves the interface alone. */
  readonly rule: Rule | null;
  /** The rules above it in their order, each with a clause that says why it does not match. */
  readonly tried: readonly { readonly rule: Rule; readonly why: string }[];
}

/** A condition of a rule other than the interface's name. */
interface Part {
  readonly what: string;
  readonly wanted: string;
  readonly glob: Glob;
  readonly has: (link: LinkNames) => string | null;
}

interface Matcher {
  readonly name: Glob;
  readonly parts: readonly Part[];
}

const matchers = new WeakMap<Rule, Matcher>();

/** Returns the first rule that matches, from top to bottom. @throws TypeError for a rule that was not validated */
export function matchRule(rules: readonly Rule[], link: LinkNames): Match {
  const tried: { rule: Rule; why: string }[] = [];
  for (const rule of rules) {
    const why = mismatch(rule, link);
    if (why === null) return { rule, tried };
    tried.push({ rule, why });
  }
  return { rule: null, tried };
}

function mismatch(rule: Rule, link: LinkNames): string | null {
  const { name, parts } = matcherOf(rule);
  if (!name.matches(link.name) && !link.altnames.some((other) => name.matches(other))) {
    if (link.altnames.length === 0) return `the name ${link.name} does not match "${rule.glob}"`;
    return `neither the name ${link.name} nor the altname ${link.altnames.join(' or ')} matches "${rule.glob}"`;
  }
  for (const { what, wanted, glob, has } of parts) {
    const value = has(link);
    if (value === null) return `it has no ${what}, and the rule wants ${wanted}`;
    if (!glob.matches(value)) return `the ${what} is ${value}, not ${wanted}`;
  }
  return null;
}

function matcherOf(rule: Rule): Matcher {
  let matcher = matchers.get(rule);
  if (matcher === undefined) {
    const wanted: [string, string | null, Part['has']][] = [
      ['driver', rule.driver, (link) => link.driver],
      ['MAC address', rule.macAddress, (link) => link.hardware || null],
      ['path', rule.path, (link) => link.path ?? null],
    ];
    matcher = {
      name: compile(rule.glob),
      parts: wanted.flatMap(([what, text, has]) =>
        text === null ? [] : [{ what, wanted: text, glob: compile(text), has }],
      ),
    };
    matchers.set(rule, matcher);
  }
  return matcher;
}

function compile(text: string): Glob {
  const glob = parseGlob(text);
  if (isGlob(glob)) return glob;
  throw new TypeError(`a rule with ${glob.found}; expected ${glob.expected}`);
}
