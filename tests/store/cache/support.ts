/**
 * What the tests of second tiers share: entries from a few words, the slow twin, and a clock.
 *
 * @module
 */

import { seededRandom } from "../../../src/actor/clock.ts";
import type { SecondTier, TierEntry, TierSelection } from "../../../src/cache/types.ts";

/** Seed of everything random in a run; `WICK_SEED=n` repeats it. */
export const SEED = Number(Deno.env.get("WICK_SEED") ?? Date.now() % 1_000_000);
console.log(`tests of second tiers: WICK_SEED=${SEED}`);

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** An entry that lives for a minute of the machine's time unless told otherwise. */
export function entry(key: string, text: string, given: Partial<TierEntry> = {}): TierEntry {
  const nowMs = Date.now();
  return {
    key,
    bytes: encoder.encode(text),
    loadedAtMs: nowMs,
    softAtMs: nowMs + 30_000,
    hardAtMs: nowMs + 60_000,
    seq: null,
    dependsOn: [],
    tags: [],
    ...given,
  };
}

/** The values of found entries as text. */
export function texts(found: readonly (TierEntry | null)[]): (string | null)[] {
  return found.map((one) => one === null ? null : decoder.decode(one.bytes));
}

/** What a tier says about keys. */
export async function read(tier: SecondTier, ...keys: string[]): Promise<(string | null)[]> {
  return texts(await tier.getMany(keys));
}

/** Patterns as a regular expression: every star is any text. */
function matches(pattern: string, key: string): boolean {
  const source = pattern.split("*").map((text) => text.replace(/[^\w]/g, "\\$&")).join("[^]*");
  return new RegExp(`^${source}$`).test(key);
}

/** What every tier is compared with: a map, and a look at everything for every invalidation. */
export class SlowTier {
  readonly #entries = new Map<string, TierEntry>();

  setMany(entries: readonly TierEntry[]): void {
    for (const one of entries) this.#entries.set(one.key, one);
  }

  invalidate({ keys = [], patterns = [], tags = [] }: TierSelection): void {
    for (const [key, one] of this.#entries) {
      const isMeant = keys.includes(key) || patterns.some((pattern) => matches(pattern, key)) ||
        tags.some((tag) => one.tags.includes(tag));
      if (isMeant) this.#entries.delete(key);
    }
  }

  getMany(keys: readonly string[]): (string | null)[] {
    return texts(keys.map((key) => this.#entries.get(key) ?? null));
  }
}

/** Random calls: entries over a few keys with a few tags, and invalidations of every kind. */
export class Operator {
  readonly #random;
  readonly #hasConstantTags: boolean;
  #count = 0;

  /** With constant tags all entries of a key have the same ones. */
  constructor(seed: number, hasConstantTags = false) {
    this.#random = seededRandom(seed);
    this.#hasConstantTags = hasConstantTags;
  }

  below(limit: number): number {
    return Math.floor(this.#random.next() * limit);
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }

  get key(): string {
    return this.pick(KEYS);
  }

  entries(): TierEntry[] {
    return Array.from({ length: 1 + this.below(5) }, () => {
      const text = `${this.#count++} `.repeat(1 + this.below(this.below(8) === 0 ? 2_000 : 5));
      const key = this.key;
      const number = this.#hasConstantTags ? KEYS.indexOf(key) : this.below(16);
      return entry(key, text, { tags: TAGS.filter((_, i) => (number >> i) % 2 === 1) });
    });
  }

  selection(): TierSelection {
    const kind = this.below(4);
    if (kind === 0) return { keys: [this.key, this.key] };
    if (kind === 1) return { patterns: [this.pick(PATTERNS)] };
    if (kind === 2) return { tags: [this.pick(TAGS)] };
    return { keys: [this.key], patterns: [this.pick(PATTERNS)], tags: [this.pick(TAGS)] };
  }
}

/** Keys with everything that SQL, globs of SQLite and of Redis, and hash tags could trip over. */
export const KEYS: readonly string[] = [
  "price:AAPL",
  "price:AAPL:1",
  "price:MSFT",
  "price:[AB]",
  "price:[AB]C",
  "price:?",
  "price:^-]",
  "price:{a}:b",
  "price:a\\b",
  "news:line\nbreak",
  "news:'; DROP TABLE entries; --",
  'news:"quoted"',
  "news:%_",
  "é:ü:😀",
  "\uffff:end",
  "news:a*b",
  "x".repeat(1_024),
];

const TAGS = ["candles:EUR_USD:H1", "sector*", "[t]", "😀"];

const PATTERNS = [
  "price:*",
  "price:A*L",
  "*:1",
  "price:[AB]*",
  "news:*",
  "*",
  "é*😀",
  "price:?",
  "*b*",
  "xxx*",
  "price:{a}*",
  "nothing*",
];
