/** Builds the native addon for one architecture, and checks that it loads on the oldest supported C library. */
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeGyp } from '../native/build.mjs';

const project = fileURLToPath(new URL('..', import.meta.url));
const native = join(project, 'native');

/** By Node's name of the architecture: Debian's name, and the prefix of the cross compiler's programs. */
export const ARCHITECTURES = {
  x64: { debian: 'amd64', tools: 'x86_64-linux-gnu-' },
  arm64: { debian: 'arm64', tools: 'aarch64-linux-gnu-' },
};

/** The newest symbol versions that the addon may need: those of the library versions in debian/control's Depends. */
const NEWEST = { GLIBC: '2.34', GLIBCXX: '3.4.29', CXXABI: '1.3.13' };

/**
 * Builds the addon if it is out of date, and writes a stripped copy to `to`.
 * @param {keyof typeof ARCHITECTURES} arch
 * @param {string} scratch a folder below the project that is kept between builds
 * @throws Error when a symbol is too new, or a tool is missing
 */
export function buildAddon(arch, scratch, to) {
  const tools = arch === process.arch ? '' : ARCHITECTURES[arch].tools;
  const built =
    arch === process.arch ? buildNative() : buildCross(arch, tools, join(scratch, `addon-${arch}`));
  mkdirSync(dirname(to), { recursive: true });
  execFileSync(`${tools}strip`, ['--strip-unneeded', '-R', '.comment', '-R', '.note', '-o', to, built]);
  chmodSync(to, 0o644);
  const symbols = execFileSync(`${tools}objdump`, ['-T', to], { encoding: 'utf8' });
  for (const [library, newest] of Object.entries(NEWEST)) {
    const found = [...symbols.matchAll(new RegExp(`\\b${library}_([\\d.]+)`, 'g'))].map((match) => match[1]);
    const needed = found.sort(byVersion).at(-1);
    if (needed !== undefined && byVersion(needed, newest) > 0)
      throw new Error(
        `The addon needs ${library}_${needed}, and the package supports ${library}_${newest}: build it on Debian 12 or older`,
      );
  }
}

/** @returns the addon that `npm ci` and `npm run build` make */
function buildNative() {
  execFileSync(process.execPath, [join(native, 'build.mjs')], { stdio: 'inherit' });
  return join(native, 'build/Release/multihomed.node');
}

/** Cross-compiles the addon in `folder`. @returns its path */
function buildCross(arch, tools, folder) {
  const built = join(folder, 'build/Release/multihomed.node');
  const sources = readdirSync(native).filter((name) => /\.(cc|h|gyp)$/.test(name));
  const newest = Math.max(...sources.map((name) => statSync(join(native, name)).mtimeMs));
  if (existsSync(built) && statSync(built).mtimeMs > newest) return built;
  mkdirSync(folder, { recursive: true });
  for (const name of sources) copyFileSync(join(native, name), join(folder, name));
  nodeGyp(folder, 'rebuild', { npm_config_arch: arch, CC: `${tools}gcc`, CXX: `${tools}g++` });
  return built;
}

/** Compares two version numbers, for sort(). */
function byVersion(a, b) {
  const [left, right] = [a, b].map((text) => text.split('.').map(Number));
  for (let at = 0; at < Math.max(left.length, right.length); at++) {
    const difference = (left[at] ?? 0) - (right[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
