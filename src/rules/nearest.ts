/** Finds the valid word that a misspelt one was probably meant to be. */

/**
 * Returns the nearest of `words`, or null when none is near. At most a third of the letters may be inserted, deleted,
 * replaced or swapped with their neighbour. Case, `_` and `-` are ignored.
 */
export function nearest(text: string, words: Iterable<string>): string | null {
  const wanted = simple(text);
  if (wanted.length > 40) return null;
  let best: string | null = null;
  let least = Infinity;
  for (const word of words) {
    const candidate = simple(word);
    const distance = editDistance(wanted, candidate);
    const most = Math.max(1, Math.floor(Math.max(wanted.length, candidate.length) / 3));
    if (distance <= most && distance < least) [best, least] = [word, distance];
  }
  return best;
}

function simple(word: string): string {
  return word.toLowerCase().replace(/[-_\s]/g, '');
}

/** The Damerau-Levenshtein distance in its optimal string alignment form: no part is edited twice. */
function editDistance(a: string, b: string): number {
  let older: number[] = [];
  let old = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row[j] = Math.min(
        (old[j] ?? 0) + 1,
        (row[j - 1] ?? 0) + 1,
        (old[j - 1] ?? 0) + (same ? 0 : 1),
        swapped ? (older[j - 2] ?? 0) + 1 : Infinity,
      );
    }
    [older, old] = [old, row];
  }
  return old[b.length] ?? 0;
}
