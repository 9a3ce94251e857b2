/** Loads the native addon, in a module without other parts, so that `main` can explain that it is missing. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { PACKAGE_ROOT } from './root.ts';

/** The addon is missing, or it was built for another Node. */
export class AddonError extends Error {
  override readonly name = 'AddonError';

  constructor(cause: Error) {
    const [reason] = cause.message.split('\n');
    const node = `Node ${process.version}`;
    super(
      `the native addon cannot be loaded by ${node}: ${reason}. Install multihomed again with this Node.`,
      {
        cause,
      },
    );
  }
}

const require = createRequire(import.meta.url);

/** @throws AddonError */
export function loadAddon(): unknown {
  try {
    const load = require('node-gyp-build') as (folder: string) => unknown;
    return load(join(PACKAGE_ROOT, 'native'));
  } catch (error) {
    throw new AddonError(error as Error);
  }
}
