/** Remedies that several checks share: kernel settings and small files. */
import type { Remedy } from '../system/shell-quote.ts';
import { finding, type Finding, type Severity } from './finding.ts';

/** Parts of a name that sysctl(8) and sysctl.d(5) take literally; they would interpret `=` and globs. */
const PLAIN_PART = /^[\w@:+,%.-]+$/;

type Remedies = Pick<Finding, 'remedy' | 'permanentRemedy'>;

/** Returns a sysctl(8) command for now, and a file of its own in /etc/sysctl.d for after a reboot. */
export function setSysctl(parts: readonly string[], value: number | string): Remedies {
  if (!parts.every((part) => PLAIN_PART.test(part))) {
    const output = `/proc/sys/${parts.join('/')}`;
    return { remedy: [{ argv: ['printf', '%s\\n', `${value}`], output }], permanentRemedy: null };
  }
  // sysctl also accepts slashes as separators, which are needed when an interface's name has a dot in it.
  const name = parts.join(parts.some((part) => part.includes('.')) ? '/' : '.');
  const file = `90-multihomed-${parts.slice(1).join('-')}.conf`;
  return {
    remedy: [{ argv: ['sysctl', '-w', `${name}=${value}`] }],
    permanentRemedy: writeFile('/etc/sysctl.d', file, [`${name} = ${value}`]),
  };
}

export const withSysctl = (severity: Severity, id: string, text: string, by: Remedies): Finding =>
  finding(severity, id, text, by.remedy, by.permanentRemedy);

/** Returns the commands that create a folder and write a small file into it. */
export const writeFile = (folder: string, name: string, lines: readonly string[]): Remedy => [
  { argv: ['mkdir', '-p', folder] },
  { argv: ['printf', '%s\\n', ...lines], output: `${folder}/${name}` },
];
