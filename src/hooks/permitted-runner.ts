/** Keeps a daemon that has fewer privileges than the hook runner to the hooks that the configuration permits. */
import { configurationFingerprint } from '../rules/files.ts';
import { isValid, loadConfiguration, type LoadOptions } from '../rules/load.ts';
import type { HookSettings } from '../rules/rule.ts';
import { DEFAULT_HOOKS } from '../rules/validate.ts';
import type { HookRequest, HookRunner } from './runner.ts';

/**
 * Runs hooks of the folders, and as the user, that the configuration names, and ignores those of the request.
 * Otherwise a daemon that was taken over could have any program of any folder run as root. Between a change of the
 * configuration and the daemon's reload, the two configurations differ; then the new one applies.
 */
export function permittedRunner(runner: HookRunner, load: LoadOptions): HookRunner {
  let fingerprint = '';
  /** null: the configuration has had errors since this process started. */
  let settings: HookSettings | null = null;
  const refresh = async (): Promise<void> => {
    const now = await configurationFingerprint(load);
    if (now === fingerprint) return;
    const configuration = await loadConfiguration(load);
    // The daemon and this process use the old configuration until the errors are fixed.
    if (isValid(configuration)) settings = configuration.hooks;
    fingerprint = now;
  };
  return {
    async run(request) {
      await refresh();
      const { user, path } = settings ?? defaults(request);
      return await runner.run({ ...request, user, folders: path });
    },
    stop: () => runner.stop(),
  };
}

/** @throws Error when the daemon asks for anything else, which this process cannot check */
function defaults({ user, folders }: HookRequest): HookSettings {
  if (user === DEFAULT_HOOKS.user && folders.join('\0') === DEFAULT_HOOKS.path.join('\0'))
    return DEFAULT_HOOKS;
  throw new Error('the configuration has errors, so that its hooks are not known: multihomed check');
}
