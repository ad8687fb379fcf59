/**
 * Variants of settings side by side: every key belongs to one variant by its hash, so that both see
 * the same hours and the same users, and what one warms does not serve the other.
 *
 * @module
 */

import { hashKey } from "../cache/hash.ts";
import type { ExperimentSettings, StrategySettings } from "./settings.ts";
import { ratioTest, twoProportionTest } from "./significance.ts";
import type { StrategyName } from "./types.ts";
import type { ExperimentStats, SignificanceStats, VariantStats } from "./warming_types.ts";

/** A difference counts when chance makes one as large in fewer than 5 of 100 experiments. */
const SIGNIFICANCE_LEVEL = 0.05;

const TWO_TO_32 = 2 ** 32;

/** Sums of one variant. */
class Variant {
  warmed = 0;
  used = 0;
  wasted = 0;
  keys = 0;
  clusters = 0;
  n = 0;
  x = 0;
  nn = 0;
  xx = 0;
  nx = 0;
}

/**
 * A running experiment.
 *
 * - which variant a key belongs to depends on the key and the experiment's name alone
 * - `accessed` is O(1), and 9 bytes a slot are kept while it runs
 */
export class Experiment {
  readonly #settings: ExperimentSettings;
  readonly #seed: number;
  readonly #variants: readonly Variant[];
  readonly #variantOf: Uint8Array;
  readonly #accesses: Uint32Array;
  readonly #hits: Uint32Array;

  /** Nothing counted. */
  constructor(settings: ExperimentSettings, slots: number) {
    this.#settings = settings;
    this.#seed = hashKey(settings.name, 0);
    this.#variants = settings.variants.map(() => new Variant());
    this.#variantOf = new Uint8Array(slots);
    this.#accesses = new Uint32Array(slots);
    this.#hits = new Uint32Array(slots);
  }

  /** The variant that a key belongs to, from 0. */
  variantOf(key: string): number {
    const share = (hashKey(key, this.#seed) >>> 0) / TWO_TO_32;
    return Math.floor(share * this.#variants.length);
  }

  /** A strategy's settings for keys of a variant. */
  settingsFor(key: string, name: StrategyName, base: StrategySettings): StrategySettings {
    const other = this.#settings.variants[this.variantOf(key)]?.strategies[name];
    return other === undefined ? base : { ...base, ...other };
  }

  /** A slot has another key from now on; what was counted for the old one stays counted. */
  tracked(slot: number, key: string): void {
    this.#variantOf[slot] = this.variantOf(key);
    this.#accesses[slot] = 0;
    this.#hits[slot] = 0;
  }

  /** The key of a slot was asked for; `hits`: 1 when it was answered without a wait, else 0. */
  accessed(slot: number, hits: 0 | 1): void {
    const variant = this.#variants[this.#variantOf[slot] as number] as Variant;
    const n = this.#accesses[slot] as number;
    const x = this.#hits[slot] as number;
    if (n === 0) variant.clusters++;
    // (n + 1)² − n² and the like: the sums over keys stay exact without a pass over them.
    variant.n++;
    variant.x += hits;
    variant.nn += 2 * n + 1;
    variant.xx += hits * (2 * x + 1);
    variant.nx += (n + 1) * (x + hits) - n * x;
    this.#accesses[slot] = n + 1;
    this.#hits[slot] = x + hits;
  }

  /** An entry of warming came, was used, or ended without. */
  counted(key: string, what: "warmed" | "used" | "wasted" | "keys", by: 1 | -1): void {
    const variant = this.#variants[this.variantOf(key)] as Variant;
    variant[what] += by;
  }

  /** The figures, each variant tested against the first. */
  stats(): ExperimentStats {
    const { name, variants } = this.#settings;
    const first = this.#variants[0] as Variant;
    return {
      name,
      variants: this.#variants.map((variant, at): VariantStats => ({
        name: variants[at]?.name ?? "",
        warmed: variant.warmed,
        used: variant.used,
        wasted: variant.wasted,
        precision: ratioOf(variant.used, variant.used + variant.wasted),
        keys: variant.keys,
        accesses: variant.n,
        hits: variant.x,
        hitRatio: ratioOf(variant.x, variant.n),
        precisionTest: at === 0 ? null : this.#tested(
          twoProportionTest(
            { successes: first.used, count: first.used + first.wasted },
            { successes: variant.used, count: variant.used + variant.wasted },
          ),
        ),
        hitTest: at === 0 ? null : this.#tested(ratioTest(first, variant)),
      })),
    };
  }

  #tested(found: Omit<SignificanceStats, "isSignificant"> | null): SignificanceStats | null {
    if (found === null) return null;
    // Bonferroni: with several variants against the first, one is significant by chance more often.
    const level = SIGNIFICANCE_LEVEL / (this.#variants.length - 1);
    return { ...found, isSignificant: found.pValue < level };
  }
}

const ratioOf = (part: number, whole: number) => whole > 0 ? part / whole : null;
