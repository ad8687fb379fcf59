/**
 * The nearest of the words there are to one that there is not.
 *
 * @module
 */

/** Edits up to which a word counts as meant: a third of its length, at least one, at most three. */
function editsMax(word: string): number {
  return Math.min(3, Math.max(1, Math.floor(word.length / 3)));
}

/**
 * The known word nearest to `word`, or null when none is near. One that `word` begins is near.
 * O(words · length²).
 */
export function nearest(word: string, known: readonly string[]): string | null {
  let best: string | null = null;
  let bestEdits = editsMax(word) + 1;
  for (const candidate of known) {
    const edits = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (edits >= bestEdits) continue;
    best = candidate;
    bestEdits = edits;
  }
  if (best !== null || word.length < 2) return best;
  return known.find((candidate) => candidate.startsWith(word.toLowerCase())) ?? null;
}

/**
 * Insertions, deletions, replacements and swaps of neighbours from `a` to `b`: the optimal string
 * alignment distance (F. Damerau, "A technique for computer detection and correction of spelling
 * errors", CACM 7(3), 1964).
 */
export function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1];
      // Indices are inside the rows, which are one longer than `b`.
      let edits = Math.min(
        (previous[j] as number) + 1,
        (row[j - 1] as number) + 1,
        (previous[j - 1] as number) + (isSame ? 0 : 1),
      );
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        edits = Math.min(edits, (before[j - 2] as number) + 1);
      }
      row.push(edits);
    }
    before = previous;
    previous = row;
  }
  return previous[b.length] as number;
}
