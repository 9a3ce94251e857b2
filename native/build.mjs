// Builds the addon, for `npm ci` and `npm run build`. Prints nothing on success.
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { missingParts } from './parts.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const built = join(here, 'build/Release/multihomed.node');
const stamp = join(here, 'build/Release/built-for.json');
const target = JSON.stringify({ modules: process.versions.modules, arch: process.arch });

function isFresh() {
  if (!existsSync(built) || !existsSync(stamp) || readFileSync(stamp, 'utf8') !== target) return false;
  const sources = readdirSync(here).filter((name) => /\.(cc|h|gyp)$/.test(name));
  const since = statSync(built).mtimeMs;
  return sources.every((name) => statSync(join(here, name)).mtimeMs <= since);
}

/** True when a prebuilt addon of the npm package loads here. A clone has none. */
function isPrebuilt() {
  if (!existsSync(join(here, 'prebuilds'))) return false;
  try {
    createRequire(import.meta.url)('node-gyp-build')(here);
    return true;
  } catch {
    return false;
  }
}

/** True when the folder has the headers of the Node version that runs this. */
function holdsHeaders(prefix) {
  const version = join(prefix, 'include/node/node_version.h');
  if (!existsSync(join(prefix, 'include/node/node_api.h')) || !existsSync(version)) return false;
  const found = /^#define NODE_MODULE_VERSION (\d+)/m.exec(readFileSync(version, 'utf8'));
  return found?.[1] === process.versions.modules;
}

/** Returns a folder with Node's headers, which node-gyp then does not download; undefined when there is none. */
function headersFolder() {
  const beside = [realpathSync(process.execPath), process.execPath].map((path) => dirname(dirname(path)));
  // Debian installs them in /usr/include/node, with a separate package.
  return [...beside, '/usr'].find(holdsHeaders);
}

/** Runs node-gyp in `folder`; exits with its output when it fails. */
export function nodeGyp(folder, command, environment = {}) {
  const nodeGypBin = createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js');
  const headers = headersFolder();
  const result = spawnSync(
    process.execPath,
    [nodeGypBin, command, '--directory', folder, ...(headers ? [`--nodedir=${headers}`] : [])],
    {
      encoding: 'utf8',
      // binding.gyp runs `node` to find a package, which must be the same Node.
      env: {
        ...process.env,
        PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH ?? ''}`,
        ...environment,
      },
    },
  );
  if (result.status === 0) return;
  process.stderr.write(`${result.stdout ?? ''}${result.stderr ?? ''}`);
  console.error(
    `The native addon could not be built; node-gyp's output is above.${result.error ? ` ${result.error.message}` : ''}`,
  );
  process.exit(1);
}

function main() {
  if (isFresh() || isPrebuilt()) return;
  const { environment, problems, warnings } = missingParts();
  for (const warning of warnings) console.warn(warning);
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exit(1);
  nodeGyp(here, 'rebuild', environment);
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, target);
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) main();
