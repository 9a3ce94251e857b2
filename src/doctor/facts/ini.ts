/** Reads settings files with sections and drop-ins, in the format of systemd and of GLib's key files. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface IniLine {
  readonly section: string;
  readonly key: string;
  readonly value: string;
  readonly file: string;
}

/** Returns an empty list when the file does not exist. */
export function readIni(file: string, unread: string[]): IniLine[] {
  try {
    return parseIni(readFileSync(file, 'utf8'), file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENOTDIR') unread.push(`${file} could not be read (${code}).`);
    return [];
  }
}

export function parseIni(text: string, file: string): IniLine[] {
  let section = '';
  return text.split('\n').flatMap((raw) => {
    const line = raw.trim();
    const head = /^\[(.*)\]$/.exec(line);
    if (head) section = head[1] ?? '';
    const pair = /^([^#;=[][^=]*?)\s*=\s*(.*)$/.exec(line);
    return pair ? [{ section, key: pair[1] ?? '', value: pair[2] ?? '', file }] : [];
  });
}

/** Returns drop-ins in the order of their names; one in an earlier folder replaces those of the same name. */
export function dropIns(folders: readonly string[], unread: string[]): string[] {
  const found = new Map<string, string>();
  for (const folder of folders)
    for (const name of list(folder, unread))
      if (name.endsWith('.conf') && !found.has(name)) found.set(name, join(folder, name));
  return [...found.keys()].sort((a, b) => (a < b ? -1 : 1)).map((name) => found.get(name)!);
}

function list(folder: string, unread: string[]): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENOTDIR') unread.push(`${folder} could not be read (${code}).`);
    return [];
  }
}
