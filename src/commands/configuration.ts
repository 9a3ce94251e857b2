/** Loads the configuration, or prints its problems and ends with exit code 78. */
import type { LoadOptions } from '../rules/load.ts';
import { formatProblem } from '../rules/problem.ts';
import type { Configuration } from '../rules/rule.ts';
import { ExitError, EXIT } from './exit.ts';

export async function configurationOrExit(options: LoadOptions): Promise<Configuration> {
  // Imported here because most commands ask the daemon and need no YAML parser.
  const { isValid, loadConfiguration } = await import('../rules/load.ts');
  const loaded = await loadConfiguration(options);
  if (isValid(loaded)) return loaded;
  throw new ExitError(EXIT.configuration, loaded.errors.map(formatProblem).join('\n'));
}
