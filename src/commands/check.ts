/** `multihomed check [FILE]`: reports the problems of the configuration, and rules that match no interface here. */
import { counted } from '../messages/count.ts';
import { NetlinkConnection } from '../netlink/connection.ts';
import { NetlinkError } from '../netlink/error.ts';
import { dumpLinks } from '../netlink/route/link.ts';
import { isGlob, parseGlob } from '../rules/glob.ts';
import { isValid, loadConfiguration } from '../rules/load.ts';
import { formatProblem, quote, type ConfigurationProblem } from '../rules/problem.ts';
import type { Configuration, Rule } from '../rules/rule.ts';
import { placeOf, warningText } from '../messages/warning.ts';
import { NETLINK_ROUTE } from '../system/addon.ts';
import { systemClock } from '../system/clock.ts';
import { remedyText } from '../system/shell-quote.ts';
import { SystemError } from '../system/system-error.ts';
import { EXIT } from './exit.ts';
import { complain, print, printExact } from './print.ts';

export async function checkCommand(
  file: string | undefined,
  flags: { readonly json?: boolean },
): Promise<number> {
  const loaded = await loadConfiguration(file === undefined ? {} : { config: file });
  const errors = isValid(loaded) ? [] : loaded.errors;
  const code = errors.length > 0 ? EXIT.configuration : EXIT.done;
  const unmatched = isValid(loaded) ? await withoutInterface(loaded.rules) : [];
  if (flags.json) {
    const more = isValid(loaded) ? summary(loaded, unmatched) : {};
    printExact(JSON.stringify({ version: 1, valid: code === 0, errors: errors.map(errorJson), ...more }));
    return code;
  }
  for (const error of errors) complain(formatProblem(error));
  if (!isValid(loaded)) return code;
  for (const warning of loaded.warnings) complain(`warning: ${warningText(warning)}`);
  for (const rule of unmatched)
    print(`note: ${quote(rule.glob)} (${placeOf(rule)}) matches no interface that exists now`);
  print(`${counted(loaded.rules.length, 'rule')} in ${counted(loaded.files.length, 'file')}: no errors`);
  return code;
}

/** Returns the rules whose glob matches no name and no altname; an empty list when the interfaces cannot be listed. */
async function withoutInterface(rules: readonly Rule[]): Promise<Rule[]> {
  const names = await interfaceNames();
  if (names === null) return [];
  return rules.filter(({ glob: text }) => {
    const glob = parseGlob(text);
    return isGlob(glob) && !names.some((name) => glob.matches(name));
  });
}

async function interfaceNames(): Promise<string[] | null> {
  let route: NetlinkConnection | null = null;
  try {
    route = new NetlinkConnection({ protocol: NETLINK_ROUTE, clock: systemClock });
    return (await dumpLinks(route)).flatMap(({ name, altnames }) => [name, ...altnames]);
  } catch (error) {
    if (error instanceof NetlinkError || error instanceof SystemError) return null;
    throw error;
  } finally {
    route?.close();
  }
}

const errorJson = ({ remedy = null, ...error }: ConfigurationProblem): object => ({
  ...error,
  message: formatProblem({ ...error, remedy }),
  command: remedyText(remedy && [remedy]),
});

const summary = (loaded: Configuration, unmatched: readonly Rule[]) => ({
  rules: loaded.rules.length,
  files: loaded.files,
  warnings: loaded.warnings.map(warningText),
  unmatched: unmatched.map(({ glob, origin }) => ({ glob, file: origin.file, line: origin.line })),
});
