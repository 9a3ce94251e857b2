/** Policy rules of the model kernel: net/core/fib_rules.c. */
import { NLM_F_EXCL } from '../../src/netlink/message.ts';
import { Refusal, type Maker, type ModelRule, type State } from './state.ts';

/** The attributes of a request; absent ones are undefined. */
export type RuleFields = Pick<ModelRule, 'family'> & Partial<Omit<ModelRule, 'family' | 'maker'>>;

export function addRule(state: State, words: RuleFields, flags: number, maker: Maker): ModelRule {
  const rule: ModelRule = {
    family: words.family,
    priority: words.priority ?? unnumbered(state, words),
    source: words.source ?? null,
    sourceLength: words.source ? (words.sourceLength ?? 0) : 0,
    destination: words.destination ?? null,
    destinationLength: words.destination ? (words.destinationLength ?? 0) : 0,
    table: words.table ?? 0,
    action: words.action ?? 1,
    goto: words.goto ?? null,
    suppress: words.suppress ?? null,
    protocol: words.protocol ?? 0,
    ...(words.ipproto === undefined ? {} : { ipproto: words.ipproto }),
    maker,
  };
  if (flags & NLM_F_EXCL && state.policyRules.some((each) => sameRule(each, rule, rule.source === null)))
    throw new Refusal('EEXIST');
  const after = state.policyRules.findIndex(
    (each) => each.family === rule.family && each.priority > rule.priority,
  );
  const at = after === -1 ? lastOf(state, rule) : after;
  state.policyRules.splice(at, 0, rule);
  return rule;
}

function lastOf(state: State, rule: ModelRule): number {
  const at = state.policyRules.findLastIndex((each) => each.family === rule.family);
  return at === -1 ? state.policyRules.length : at + 1;
}

/** Returns the priority before that of the second rule. */
function unnumbered(state: State, { family }: RuleFields): number {
  const second = state.policyRules.filter((each) => each.family === family)[1];
  return second && second.priority > 0 ? second.priority - 1 : 0;
}

const KEYS = [
  ...(['priority', 'source', 'sourceLength', 'destination', 'destinationLength'] as const),
  ...(['table', 'action', 'goto', 'suppress', 'protocol', 'ipproto'] as const),
];

/** A new rule without a source is a duplicate of any otherwise equal rule, even with another source. */
const sameRule = (one: ModelRule, other: ModelRule, everywhere: boolean): boolean =>
  one.family === other.family &&
  KEYS.every((key) => (everywhere && key.startsWith('source')) || one[key] === other[key]);

/** A suppress_prefixlength of -1 and a protocol of 0 are the same as absent ones. */
const isAny = (key: (typeof KEYS)[number], value: unknown): boolean =>
  value === undefined || (key === 'suppress' && value === null) || (key === 'protocol' && value === 0);

/** Absent attributes are wildcards, and the first match is deleted. */
export function deleteRule(state: State, words: RuleFields): ModelRule {
  const found = state.policyRules.find(
    (each) =>
      each.family === words.family && KEYS.every((key) => isAny(key, words[key]) || words[key] === each[key]),
  );
  if (!found) throw new Refusal('ENOENT');
  state.policyRules = state.policyRules.filter((each) => each !== found);
  return found;
}
