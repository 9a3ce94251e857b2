/** Checks the configuration for errors, warnings, and rules that can never match. */
import { isGlob, parseGlob } from '../../rules/glob.ts';
import { formatProblem } from '../../rules/problem.ts';
import { shadowedRules, type Shadowed } from '../../rules/shadow.ts';
import type { Rule } from '../../rules/rule.ts';
import type { Link } from '../../netlink/route/link.ts';
import { moveRule } from '../edit.ts';
import type { Facts } from '../facts.ts';
import { finding, type Finding } from '../finding.ts';
import { counted } from '../../messages/count.ts';
import { shadowText, warningText } from '../../messages/warning.ts';

const PACKAGED = '/usr/lib/';

export function checkConfiguration({ configuration, view }: Facts): Finding[] {
  const { loaded, errors, texts } = configuration;
  if (!loaded)
    return errors.map((error, at) =>
      finding('fault', `configuration:${at + 1}`, formatProblem(error), error.remedy ? [error.remedy] : null),
    );
  const shadows = shadowedRules(loaded.rules);
  const links = view ? [...view.snapshot.links.values()] : [];
  const findings = [
    ...loaded.warnings
      .filter(({ code }) => code !== 'rule-shadowed')
      .map((warning, at) =>
        finding('warning', `configuration-warning:${at + 1}`, `${sentence(warningText(warning))}.`),
      ),
    // The administrator's rules come before the packaged ones on purpose.
    ...shadows
      .filter(({ rule }) => !rule.origin.file.startsWith(PACKAGED))
      .map((each) => shadowed(each, links, texts)),
  ];
  findings.push(...daemonElsewhere(loaded.files, view));
  if (findings.length > 0) return findings;
  return [
    finding(
      'ok',
      'configuration',
      `The configuration is valid: ${counted(loaded.rules.length, 'rule')} in ${counted(loaded.files.length, 'file')}.`,
    ),
  ];
}

function shadowed(each: Shadowed, links: readonly Link[], texts: Facts['configuration']['texts']): Finding {
  const { rule, by } = each;
  const id = `rule-shadowed:${rule.glob}`;
  const text = sentence(shadowText(each));
  if (effect(rule) === effect(by)) return finding('note', id, `${text}, to the same effect.`);
  const names = links.filter((link) => matches(rule, link)).map((link) => link.name);
  const decided = names.length > 0 ? `, and decides about ${names.join(', ')}` : '';
  return finding('warning', id, `${text}${decided}.`, moveRule(texts, rule.origin, by.origin));
}

const sentence = (text: string): string => `${text[0]?.toUpperCase() ?? ''}${text.slice(1)}`;

/** Returns everything in a rule except which interfaces it is for. */
function effect({
  glob: _glob,
  origin: _origin,
  driver: _driver,
  macAddress: _macAddress,
  path: _path,
  ...rest
}: Rule): string {
  return rest.ignore ? 'ignore' : JSON.stringify({ ...rest, perInterface: `${rest.perInterface}` });
}

function matches(rule: Rule, { name, altnames }: Link): boolean {
  const glob = parseGlob(rule.glob);
  return isGlob(glob) && [name, ...altnames].some((each) => glob.matches(each));
}

/** Reports that the daemon uses a configuration other than the one checked here. */
function daemonElsewhere(files: readonly string[], view: Facts['view']): Finding[] {
  const uplinks = view?.daemon?.uplinks ?? [];
  const other = uplinks.map(({ rule }) => rule?.file).find((file) => file && !files.includes(file));
  if (!other) return [];
  const text = `The daemon uses ${other}, which was not checked here.`;
  return [finding('note', 'configuration-daemon', text, null)];
}
