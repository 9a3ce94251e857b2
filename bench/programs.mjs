/** Compiles the benchmarks' C programs. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Returns the paths of the programs, by name. `folder`: where they are written. */
export function compile(folder, names) {
  const programs = {};
  for (const name of names) {
    programs[name] = join(folder, name);
    const source = fileURLToPath(new URL(`${name}.c`, import.meta.url));
    const flags = ['-O2', '-w', '-fno-strict-aliasing', '-o', programs[name]];
    execFileSync('cc', [...flags, source], { stdio: 'inherit' });
  }
  return programs;
}
