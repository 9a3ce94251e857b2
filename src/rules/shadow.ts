/** Finds rules that can never match, because earlier rules match everything that they do. */
import { coversAll, type SearchBudget } from './cover.ts';
import { isGlob, parseGlob, type Glob } from './glob.ts';
import type { Rule } from './rule.ts';

export interface Shadowed {
  readonly rule: Rule;
  /** The first rule that covers it alone or, when only several together cover it, the first of these. */
  readonly by: Rule;
}

/** Maximum number of steps: enough for several hundred rules, and at most about a second, for which a reload waits. */
const STEPS = 300_000;

/** Returns the shadowed rules in the order of `rules`. */
export function shadowedRules(rules: readonly Rule[]): Shadowed[] {
  const budget: SearchBudget = { steps: STEPS };
  const parsed = rules.map(({ glob, driver, macAddress, path }) => ({
    name: globOf(glob),
    parts: [driver, macAddress, path].map((text) => text && globOf(text)),
  }));
  return rules.flatMap((rule, at): Shadowed[] => {
    const { name, parts } = parsed[at]!;
    if (!name || budget.steps < 0) return [];
    const before = rules.slice(0, at).flatMap((each, place) => {
      const above = parsed[place]!;
      const covered = above.parts.every((over, which) => {
        const part = parts[which];
        return over === null || (part && over && coversAll([over], part, budget));
      });
      budget.steps -= 1;
      return above.name && covered && overlaps(above.name, name) ? [{ rule: each, name: above.name }] : [];
    });
    if (before.length === 0) return [];
    const alone = before.find((each) => coversAll([each.name], name, budget));
    if (alone) return [{ rule, by: alone.rule }];
    const together =
      before.length > 1 &&
      coversAll(
        before.map((each) => each.name),
        name,
        budget,
      );
    return together ? [{ rule, by: before[0]!.rule }] : [];
  });
}

/** An invalid glob has been reported already. */
function globOf(text: string): Glob | null {
  const glob = parseGlob(text);
  return isGlob(glob) ? glob : null;
}

/** A cheap test first, for configurations with many rules of one name each. */
const overlaps = (above: Glob, below: Glob): boolean =>
  below.literal !== null
    ? above.matches(below.literal)
    : above.literal === null || below.matches(above.literal);
