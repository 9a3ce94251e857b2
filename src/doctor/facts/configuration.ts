/** Reads the configuration, or its errors, and the text of its files. */
import { readFileSync } from 'node:fs';
import { isValid, loadConfiguration, type LoadOptions } from '../../rules/load.ts';
import type { ConfigurationFacts } from '../facts.ts';

export async function readConfiguration(options: LoadOptions): Promise<ConfigurationFacts> {
  const loaded = await loadConfiguration(options);
  if (!isValid(loaded)) return { loaded: null, errors: loaded.errors, texts: new Map() };
  const texts = new Map<string, string>();
  for (const file of loaded.files) {
    const text = textOf(file);
    if (text !== null) texts.set(file, text);
  }
  return { loaded, errors: [], texts };
}

/** null when the file was changed or removed since it was loaded; then no command to edit it is offered. */
function textOf(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}
