/** Words for a POSIX shell. */
import { quoted } from '../plan/quoted.ts';

/** sysctl(8) takes slashes as separators, too: an interface's name may have a dot in it. */
export function setSysctl(parts: readonly string[], value: number | string): string {
  const dotted = parts.some((part) => part.includes('.')) ? '/' : '.';
  return `sysctl -w ${quoted(`${parts.join(dotted)}=${value}`)}`;
}

/** Writes a small file anew, its folder too. */
export function writeFile(folder: string, name: string, lines: readonly string[]): string {
  const text = quoted(lines.map((line) => `${line}\\n`).join(''));
  return `mkdir -p ${quoted(folder)} && printf ${text} > ${quoted(`${folder}/${name}`)}`;
}

/** `1 rule`, `2 rules` */
export const count = (number: number, word: string): string => `${number} ${word}${number === 1 ? '' : 's'}`;
