// Makes dist/: the command with all that it imports, in parts that are loaded when they are needed, and source maps.
// Run by `npm ci`, `npm run build` and whatever packs the project. What was in dist/ before is removed.
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
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

const esbuild = await bundler();
if (esbuild !== null) {
  const { outputFiles } = await esbuild.build({
    absWorkingDir: here,
    entryPoints: ['src/main.ts'],
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    outdir: 'dist',
    chunkNames: 'parts/[name]-[hash]',
    // cosmiconfig asks for typescript for a kind of file that is never loaded; the addon's loader looks beside itself.
    external: ['typescript', 'node-gyp-build'],
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
    },
    // Read by src/system/stack.ts alone, when a stack is printed: Node need not load them at each start.
    sourcemap: 'external',
    sourcesContent: false,
    logLevel: 'warning',
    write: false,
  });
  rmSync(dist, { recursive: true, force: true });
  for (const { path, contents } of outputFiles) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, contents, { mode: path === join(dist, 'main.js') ? 0o755 : 0o644 });
  }
} else if (!existsSync(join(dist, 'main.js'))) {
  console.error(
    'multihomed cannot be built: esbuild is not installed. Install the packages for development too:\nnpm ci --include=dev',
  );
  process.exitCode = 1;
}
