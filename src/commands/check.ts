/** `multihomed check [FILE]`: the configuration, and all its errors. */
import { isValid, loadConfiguration } from '../rules/load.ts';
import { formatProblem } from '../rules/problem.ts';
import { EXIT } from './exit.ts';
import { complain, print } from './print.ts';

export async function checkCommand(
  file: string | undefined,
  flags: { readonly json?: boolean },
): Promise<number> {
  const loaded = await loadConfiguration(file === undefined ? {} : { config: file });
  const errors = isValid(loaded) ? [] : loaded.errors;
  const code = errors.length > 0 ? EXIT.configuration : EXIT.done;
  if (flags.json) {
    print(JSON.stringify({ valid: code === 0, errors, ...(isValid(loaded) ? summary(loaded) : {}) }));
    return code;
  }
  for (const error of errors) complain(formatProblem(error));
  if (!isValid(loaded)) return code;
  for (const warning of loaded.warnings) complain(`warning: ${warning}`);
  print(`${count(loaded.rules.length, 'rule')} in ${count(loaded.files.length, 'file')}: no errors`);
  return code;
}

const summary = (loaded: {
  rules: readonly unknown[];
  files: readonly string[];
  warnings: readonly string[];
}) => ({
  rules: loaded.rules.length,
  files: loaded.files,
  warnings: loaded.warnings,
});

const count = (number: number, word: string): string => `${number} ${word}${number === 1 ? '' : 's'}`;
