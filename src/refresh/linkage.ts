/**
 * Average and complete linkage: groups inside a set of edges that single linkage holds together.
 *
 * Begins with every edge alone and merges the two groups that are most alike, again and again, until
 * none are above the threshold (R. R. Sokal, C. D. Michener, "A statistical method for evaluating
 * systematic relationships", 1958, for averages; T. Sørensen, 1948, for complete linkage). Each group
 * remembers the one behind it that it is most like (M. R. Anderberg, *Cluster Analysis for
 * Applications*, 1973, section 6.2): O(n²) as a rule, O(n³) at worst.
 *
 * A pair that is unknown says nothing to an average: groups that know of no pair between them are not
 * alike. Under complete linkage one unknown pair keeps two groups apart.
 *
 * @module
 */

/** How groups are compared: by their most alike pair, their mean, or their least alike pair. */
export type Linkage = "single" | "average" | "complete";

/** All there are. */
export const LINKAGES: readonly Linkage[] = ["single", "average", "complete"];

/** Likeness of groups that are not known to be alike: below every threshold. */
const UNKNOWN = -1;

/** Groups of one run: sums and counts for averages; the least likeness for complete linkage. */
class Groups {
  readonly size: number;
  readonly #isAverage: boolean;
  /** By pair, both ways; a sum for averages. */
  readonly #likeness: Float64Array;
  /** Known pairs that a sum is made of; null for complete linkage. */
  readonly #counts: Uint32Array | null;

  constructor(
    size: number,
    likenessOf: (a: number, b: number) => number,
    linkage: "average" | "complete",
  ) {
    this.size = size;
    this.#isAverage = linkage === "average";
    this.#likeness = new Float64Array(size * size);
    this.#counts = this.#isAverage ? new Uint32Array(size * size) : null;
    for (let a = 1; a < size; a++) {
      for (let b = 0; b < a; b++) {
        const likeness = likenessOf(a, b);
        const isKnown = likeness === likeness;
        const value = isKnown ? likeness : this.#isAverage ? 0 : UNKNOWN;
        this.#set(a, b, value, isKnown ? 1 : 0);
      }
    }
  }

  /** Likeness of two groups. */
  of(a: number, b: number): number {
    const at = a * this.size + b;
    const value = this.#likeness[at] as number;
    if (this.#counts === null) return value;
    const count = this.#counts[at] as number;
    return count === 0 ? UNKNOWN : value / count;
  }

  /** What group `other` is to `a` once `b` has become part of `a`. */
  merge(a: number, b: number, other: number): void {
    const one = a * this.size + other, two = b * this.size + other;
    const x = this.#likeness[one] as number, y = this.#likeness[two] as number;
    const counts = this.#counts;
    if (counts === null) this.#set(a, other, Math.min(x, y), 0);
    else this.#set(a, other, x + y, (counts[one] as number) + (counts[two] as number));
  }

  #set(a: number, b: number, value: number, count: number): void {
    this.#likeness[a * this.size + b] = value;
    this.#likeness[b * this.size + a] = value;
    if (this.#counts === null) return;
    this.#counts[a * this.size + b] = count;
    this.#counts[b * this.size + a] = count;
  }
}

/**
 * The lowest member of the group of each of `size` edges. `likenessOf` gives 0 to 1, NaN where
 * unknown. Of pairs that are equally alike the one with the lowest member goes first, then the one
 * whose other member is the lowest, so the answer depends on the numbering alone. 8 bytes a pair both
 * ways, 12 for averages.
 */
export function agglomerate(
  size: number,
  likenessOf: (a: number, b: number) => number,
  linkage: "average" | "complete",
  threshold: number,
): Int32Array<ArrayBuffer> {
  const groups = new Groups(size, likenessOf, linkage);
  const rootOf = Int32Array.from({ length: size }, (_, at) => at);
  const isGone = new Uint8Array(size);
  const best = new Float64Array(size).fill(UNKNOWN);
  const nearest = new Int32Array(size).fill(-1);

  /** Finds again what `a` is most like among the groups behind it. */
  const search = (a: number) => {
    let found = -1, most = UNKNOWN;
    for (let b = a + 1; b < size; b++) {
      if (isGone[b] === 1) continue;
      const likeness = groups.of(a, b);
      if (likeness > most) {
        most = likeness;
        found = b;
      }
    }
    best[a] = most;
    nearest[a] = found;
  };

  for (let a = 0; a < size; a++) search(a);
  for (;;) {
    let a = -1, most = threshold;
    for (let at = 0; at < size; at++) {
      if (isGone[at] === 1 || !((best[at] as number) > most)) continue;
      most = best[at] as number;
      a = at;
    }
    if (a < 0) return settled(rootOf);
    const b = nearest[a] as number;
    isGone[b] = 1;
    rootOf[b] = a;
    for (let other = 0; other < size; other++) {
      if (isGone[other] === 0 && other !== a) groups.merge(a, b, other);
    }
    search(a);
    for (let other = 0; other < b; other++) {
      if (isGone[other] === 1 || other === a) continue;
      const known = nearest[other];
      if (known === a || known === b) search(other);
      else if (other < a) {
        // Rounding of a mean may lift it above what both parts were.
        const likeness = groups.of(other, a);
        const top = best[other] as number;
        if (likeness > top || (likeness === top && known !== undefined && a < known)) search(other);
      }
    }
  }
}

/** Roots of roots, so that each edge knows the lowest member of its group. */
function settled(rootOf: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  // A root is always lower than what points to it, so it is settled before.
  for (let at = 0; at < rootOf.length; at++) {
    rootOf[at] = rootOf[rootOf[at] as number] as number;
  }
  return rootOf;
}
