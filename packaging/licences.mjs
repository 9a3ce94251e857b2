/** The licences of the installed command: the project's, and those of the packages in the bundle. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Compiled into the addon, or installed beside the bundle. */
const OTHERS = ['node-addon-api', 'node-gyp-build'];

/**
 * @param {string} project the project's folder, with dist/ built
 * @returns the text for /usr/share/doc/multihomed/copyright
 */
export function licences(project) {
  const parts = [
    'multihomed gives Multipath TCP every uplink that a Linux host has.',
    readFileSync(join(project, 'LICENSE'), 'utf8'),
    'The command contains these packages:',
  ];
  for (const name of [...new Set([...bundled(project), ...OTHERS])].sort((a, b) => (a < b ? -1 : 1))) {
    const folder = join(project, 'node_modules', name);
    const { version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
    const text = file === undefined ? '' : `\n\n${readFileSync(join(folder, file), 'utf8').trim()}`;
    parts.push(`${'-'.repeat(72)}\n${name} ${version}, licence ${license}${text}`);
  }
  return `${parts.map((part) => part.trim()).join('\n\n')}\n`;
}

/** @returns the names of the packages from which the bundle was made, read from its source maps */
function bundled(project) {
  const dist = join(project, 'dist');
  const maps = readdirSync(dist, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.map'),
  );
  return maps.flatMap((name) =>
    JSON.parse(readFileSync(join(dist, name), 'utf8')).sources.flatMap(
      (source) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(source)?.[1] ?? [],
    ),
  );
}
