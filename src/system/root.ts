/** Finds the package's folder, which contains the native addon, the shipped rules and the version, bundled or not. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The nearest folder above this file that contains the addon's; dist/ has a package.json of its own. */
export const PACKAGE_ROOT: string = above(dirname(fileURLToPath(import.meta.url)));

function above(folder: string): string {
  return existsSync(join(folder, 'native')) || folder === '/' ? folder : above(dirname(folder));
}
