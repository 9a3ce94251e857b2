// Finds memory errors in the addon: builds it with AddressSanitizer and UndefinedBehaviorSanitizer and exercises it
// in a network namespace of its own. Runs as any user: node native/sanitize.mjs [--short]
// --short: a tenth of the repetitions, and stacks without the frames of Node; takes seconds instead of minutes.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeGyp } from './build.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const folder = join(here, 'build/sanitize');
const short = process.argv.includes('--short');
const compiler = process.env.CXX ?? 'g++';

function library(name) {
  const path = spawnSync(compiler, [`-print-file-name=${name}`], { encoding: 'utf8' }).stdout?.trim() ?? '';
  if (!existsSync(path)) {
    console.error(
      `${compiler} has no ${name}: install GCC's libsanitizer (Debian: libasan, Fedora: libasan libubsan)`,
    );
    process.exit(1);
  }
  return realpathSync(path);
}

/** Returns LeakSanitizer's reports about memory that the addon allocated. Leaks of V8 are ignored. */
function addonLeaks(output) {
  return output
    .split(/\n(?=(?:Direct|Indirect) leak of )/)
    .map((block) => block.split('\n\n')[0] ?? '')
    .filter((block) => /^(Direct|Indirect) leak/.test(block) && block.includes('multihomed::'))
    .filter((block) => !block.slice(0, block.indexOf('multihomed::')).includes('v8::'));
}

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
for (const name of readdirSync(here).filter((each) => /\.(cc|h|gyp)$/.test(each)))
  cpSync(join(here, name), join(folder, name));
const flags = '-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -g -O1';
nodeGyp(folder, 'rebuild', { CXX: compiler, CXXFLAGS: flags, LDFLAGS: '-fsanitize=address,undefined' });

const built = join(folder, 'build/Release/multihomed.node');
const unshare = process.getuid?.() === 0 ? ['-n'] : ['-Urn'];
const script = join(here, 'exercise.mjs');
const result = spawnSync(
  'unshare',
  [...unshare, process.execPath, '--expose-gc', script, built, ...(short ? ['short'] : [])],
  {
    encoding: 'utf8',
    maxBuffer: 256 << 20,
    env: {
      ...process.env,
      LD_PRELOAD: `${library('libasan.so')} ${library('libubsan.so')}`,
      // alloc_dealloc_mismatch: Node's operator new is from another library. exitcode: V8 also leaks.
      ASAN_OPTIONS: 'exitcode=0:alloc_dealloc_mismatch=0:detect_leaks=1:detect_stack_use_after_return=1',
      // The slow way also finds the frames of Node, whose code has no frame pointers.
      LSAN_OPTIONS: `exitcode=0:fast_unwind_on_malloc=${short ? 1 : 0}`,
      UBSAN_OPTIONS: 'exitcode=0:print_stacktrace=1',
    },
  },
);
const output = result.stderr ?? '';
process.stdout.write(result.stdout ?? '');
const leaks = addonLeaks(output);
const problems = [];
if (result.status !== 0) problems.push(`exit ${result.status ?? result.signal ?? result.error?.message}`);
if (!(result.stdout ?? '').includes('exercised: all\n')) problems.push('did not complete');
if (/ERROR: AddressSanitizer|runtime error:/.test(output))
  problems.push('a memory error or undefined behaviour');
if (leaks.length > 0) problems.push(`${leaks.length} leaks in the addon`);
if (problems.length > 0) {
  process.stderr.write(leaks.length > 0 ? `${leaks.join('\n')}\n` : output);
  console.error(`sanitize: ${problems.join(', ')}`);
  process.exit(1);
}
console.log('sanitize: no memory error, no undefined behaviour, no leak in the addon');
