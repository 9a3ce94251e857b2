// Finds the programs that a build needs besides npm packages, and the command that installs missing ones.
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const oldestNode = [20, 19];

const installers = [
  {
    ids: ['debian', 'ubuntu'],
    command: 'apt-get install',
    packages: { compiler: 'g++', make: 'make', python3: 'python3', ip: 'iproute2' },
  },
  {
    ids: ['fedora', 'rhel', 'centos'],
    command: 'dnf install',
    packages: { compiler: 'gcc-c++', make: 'make', python3: 'python3', ip: 'iproute' },
  },
  {
    ids: ['arch'],
    command: 'pacman -S --needed',
    packages: { compiler: 'gcc', make: 'make', python3: 'python', ip: 'iproute2' },
  },
  {
    ids: ['suse', 'opensuse'],
    command: 'zypper install',
    packages: { compiler: 'gcc-c++', make: 'make', python3: 'python3', ip: 'iproute2' },
  },
  {
    ids: ['alpine'],
    command: 'apk add',
    packages: { compiler: 'g++ linux-headers', make: 'make', python3: 'python3', ip: 'iproute2' },
  },
];

const names = { compiler: 'a C++ compiler', make: 'make', python3: 'python3', ip: "iproute2's `ip`" };

/** Returns the first of `programs` that is installed. Also searches /usr/sbin, where `ip` often is. */
function find(...programs) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'].filter(Boolean);
  return programs.find((program) =>
    (program.includes('/') ? [program] : folders.map((folder) => join(folder, program))).some((path) => {
      try {
        accessSync(path, constants.X_OK);
        return statSync(path).isFile();
      } catch {
        return false;
      }
    }),
  );
}

/** Returns ID and ID_LIKE of this system, os-release(5). */
function systemIds() {
  for (const path of ['/etc/os-release', '/usr/lib/os-release']) {
    try {
      return [...readFileSync(path, 'utf8').matchAll(/^(?:ID|ID_LIKE)="?([^"\n]*)"?$/gm)].flatMap((match) =>
        (match[1] ?? '').split(' '),
      );
    } catch {
      // The file is missing; the next one is tried.
    }
  }
  return [];
}

/** Returns a sentence that names missing programs, with the command that installs them. `ids`: of os-release(5). */
function sentence(parts, ids) {
  const listed = parts
    .map((part) => names[part])
    .join(', ')
    .replace(/, ([^,]*)$/, ' and $1');
  const needs = `multihomed needs ${listed}, which ${parts.length > 1 ? 'are' : 'is'} not installed`;
  const installer = installers.find((candidate) => candidate.ids.some((id) => ids.includes(id)));
  if (!installer) return `${needs}: install with your system's package manager`;
  const privileged = process.getuid?.() === 0 ? '' : 'sudo ';
  const packages = parts.map((part) => installer.packages[part]).join(' ');
  return `${needs}: ${privileged}${installer.command} ${packages}`;
}

/** Returns errors that stop the build, warnings about tests and demo, and the variable that names the compiler. */
export function missingParts() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const problems = [];
  if (major < oldestNode[0] || (major === oldestNode[0] && minor < oldestNode[1])) {
    problems.push(
      `multihomed needs Node ${oldestNode.join('.')} or later and this is ${process.versions.node}: see https://nodejs.org/en/download`,
    );
  }
  const compiler = process.env.CXX ?? find('g++', 'c++', 'clang++');
  const missing = [];
  if (!compiler) missing.push('compiler');
  if (!find('make', 'gmake')) missing.push('make');
  if (!find('python3', 'python')) missing.push('python3');
  const ids = systemIds();
  if (missing.length > 0) problems.push(sentence(missing, ids));
  const warnings = find('ip') ? [] : [`${sentence(['ip'], ids)} (for the tests and the demo)`];
  return { environment: compiler ? { CXX: compiler } : {}, problems, warnings };
}
