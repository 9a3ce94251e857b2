/** The configuration: its errors, its warnings, and rules that can never match. */
import { isGlob, parseGlob } from '../../rules/glob.ts';
import { formatProblem, quote } from '../../rules/problem.ts';
import type { Rule } from '../../rules/rule.ts';
import type { Link } from '../../netlink/route/link.ts';
import { moveRule } from '../edit.ts';
import type { Facts } from '../facts.ts';
import { finding, type Finding } from '../finding.ts';
import { count } from '../remedies.ts';

const PACKAGED = '/usr/lib/';

export function checkConfiguration({ configuration, view }: Facts): Finding[] {
  const { loaded, errors, texts } = configuration;
  if (!loaded)
    return errors.map((error, at) =>
      finding('fault', `configuration:${at + 1}`, formatProblem(error), error.remedy ? [error.remedy] : null),
    );
  const findings = loaded.warnings.map((warning, at) =>
    finding('warning', `configuration-warning:${at + 1}`, warning),
  );
  const links = view ? [...view.snapshot.links.values()] : [];
  loaded.rules.forEach((rule, at) => {
    const above = loaded.rules.slice(0, at).find((each) => covers(each, rule));
    // The administrator's rules stand above the packaged ones on purpose.
    if (above && !rule.origin.file.startsWith(PACKAGED)) findings.push(shadowed(rule, above, links, texts));
  });
  findings.push(...daemonElsewhere(loaded.files, view));
  if (findings.length > 0) return findings;
  return [
    finding(
      'ok',
      'configuration',
      `The configuration is valid: ${count(loaded.rules.length, 'rule')} in ${count(loaded.files.length, 'file')}.`,
    ),
  ];
}

function shadowed(
  rule: Rule,
  above: Rule,
  links: readonly Link[],
  texts: Facts['configuration']['texts'],
): Finding {
  const id = `rule-shadowed:${rule.glob}`;
  const text = `The rule ${quote(rule.glob)} (${place(rule)}) never matches: ${quote(above.glob)} (${place(above)}) stands above it and matches the same`;
  if (effect(rule) === effect(above)) return finding('note', id, `${text}, to the same effect.`);
  const names = links.filter((link) => matches(rule, link)).map((link) => link.name);
  const decided = names.length > 0 ? `, so it decides about ${names.join(', ')}` : '';
  return finding('warning', id, `${text}${decided}.`, moveRule(texts, rule.origin, above.origin));
}

/** All that a rule says but whom it is about. */
function effect({ glob: _glob, origin: _origin, driver: _driver, ...rest }: Rule): string {
  return rest.ignore ? 'ignore' : JSON.stringify({ ...rest, perInterface: `${rest.perInterface}` });
}

const place = ({ origin }: Rule): string => `${origin.file}:${origin.line}`;

/** By what could be an interface of each alternative: `*` and `?` as nothing much, as letters and as digits. */
function covers(above: Rule, below: Rule): boolean {
  const glob = parseGlob(above.glob);
  if (!isGlob(glob) || (above.driver !== null && above.driver !== below.driver)) return false;
  // A class of characters could be anything: then nothing is said.
  if (/[[\]\\]/.test(below.glob)) return false;
  return below.glob
    .split('|')
    .flatMap((alternative) =>
      ['', '0', 'zq7', 'x-y.9'].map((filling) =>
        alternative
          .trim()
          .replaceAll('*', filling)
          .replaceAll('?', filling[0] ?? 'v'),
      ),
    )
    .filter((name) => name !== '')
    .every((name) => glob.matches(name));
}

function matches(rule: Rule, { name, altnames }: Link): boolean {
  const glob = parseGlob(rule.glob);
  return isGlob(glob) && [name, ...altnames].some((each) => glob.matches(each));
}

/** What is looked at here is not what the daemon goes by. */
function daemonElsewhere(files: readonly string[], view: Facts['view']): Finding[] {
  const uplinks = view?.daemon?.uplinks ?? [];
  const other = uplinks.map(({ rule }) => rule?.file).find((file) => file && !files.includes(file));
  if (!other) return [];
  const text = `The daemon goes by ${other}, which was not looked at here.`;
  return [finding('note', 'configuration-daemon', text, null)];
}
