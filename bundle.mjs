// Makes dist/: the command with all that it imports, in parts that are loaded when they are needed, and source maps.
// Run by `npm ci`, `npm run build` and when the project is packed. It empties dist/ first.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, 'dist');

/** @returns esbuild, or null where the packages for development were left out */
async function bundler() {
  try {
    return await import('esbuild');
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    return null;
  }
}

// The target is what the installed command runs on; building needs a later Node.
const COMMON = { platform: 'node', target: 'node18.19', sourcesContent: false, legalComments: 'none' };

/** @returns ECMAScript modules with inline source maps: esbuild divides no other format into parts */
async function parts(esbuild) {
  const { outputFiles } = await esbuild.build({
    ...COMMON,
    absWorkingDir: here,
    entryPoints: ['src/main.ts', 'src/hook-runner.ts'],
    bundle: true,
    splitting: true,
    format: 'esm',
    outdir: 'dist/parts',
    entryNames: '[name]-[hash]',
    chunkNames: '[name]-[hash]',
    // cosmiconfig asks for typescript for a kind of file that is never loaded; the addon's loader looks beside itself.
    external: ['typescript', 'node-gyp-build'],
    define: { 'import.meta.url': 'partUrl' },
    sourcemap: 'inline',
    logLevel: 'warning',
    write: false,
  });
  return outputFiles;
}

/**
 * Turns a part into a function for bundle/loader.cjs, without what only people need. Names are kept: they are in the
 * stacks of bug reports.
 */
async function writePart(esbuild, { path, text }) {
  const { code, map } = await esbuild.transform(text, {
    ...COMMON,
    format: 'cjs',
    supported: { 'dynamic-import': false },
    minifyWhitespace: true,
    minifySyntax: true,
    charset: 'ascii',
    banner: '(function (exports, require, module, __filename, __dirname, partUrl) {',
    footer: '})',
    sourcefile: basename(path),
    // Read by src/system/stack.ts alone, when a stack is printed: Node need not load them at each start.
    sourcemap: 'external',
  });
  writeFileSync(path, code);
  writeFileSync(`${path}.map`, map);
}

const esbuild = await bundler();
if (esbuild !== null) {
  const files = await parts(esbuild);
  rmSync(dist, { recursive: true, force: true });
  mkdirSync(join(dist, 'parts'), { recursive: true });
  for (const file of files) await writePart(esbuild, file);
  const part = (entry) =>
    files.map(({ path }) => basename(path)).find((name) => name.startsWith(`${entry}-`));
  const loader = readFileSync(join(here, 'bundle/loader.cjs'), 'utf8')
    .replaceAll('MAIN_PART', part('main'))
    .replaceAll('RUNNER_PART', part('hook-runner'));
  writeFileSync(join(dist, 'main.js'), loader, { mode: 0o755 });
  // A CommonJS program starts sooner than a module does.
  writeFileSync(join(dist, 'package.json'), '{ "type": "commonjs" }\n');
} else if (!existsSync(join(dist, 'main.js'))) {
  console.error(
    'multihomed cannot be built: esbuild is not installed. Install the packages for development too:\nnpm ci --include=dev',
  );
  process.exitCode = 1;
}
