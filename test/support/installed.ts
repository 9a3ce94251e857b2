/** The copy of the project that test/run.mjs installed, so that tests start the same files as a user. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** The folder of `npm install --global --prefix`, with bin/, lib/ and share/. */
export const PREFIX = prefix();

/** The package's folder in it. */
export const PACKAGE = join(PREFIX, 'lib/node_modules/multihomed');

/** The command, for the Node that runs the tests. */
export const MAIN = join(PACKAGE, 'dist/main.js');

function prefix(): string {
  const folder = process.env['MULTIHOMED_TEST_INSTALLED'];
  if (folder === undefined)
    throw new Error(
      'MULTIHOMED_TEST_INSTALLED is not set: it names the folder of an installed copy. Run the tests by\nnpm test -- FILE',
    );
  if (!existsSync(join(folder, 'lib/node_modules/multihomed/dist/main.js')))
    throw new Error(`MULTIHOMED_TEST_INSTALLED: no multihomed is installed in ${folder}`);
  return folder;
}
