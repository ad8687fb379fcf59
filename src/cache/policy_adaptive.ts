/**
 * The default policy: W-TinyLFU with a window that is chosen while it runs.
 *
 * ## W-TinyLFU (G. Einziger, R. Friedman, B. Manes, "TinyLFU", ACM Transactions on Storage, 2017)
 * A new entry comes into the *window*. What falls out of the window asks for a place in the main
 * part, which is divided into *probation* and *protected* (a segmented LRU; R. Karedla et al.,
 * 1994): it gets one only if it was read more often than the entry that would leave for it. Reads
 * are remembered beyond eviction, and halved from time to time so that the past fades.
 *
 * ```
 *           ┌─ window ─┐ candidate   ┌─ probation ─┐  hit  ┌─ protected ─┐
 *  new ───▶ │          │ ──────────▶ │             │ ────▶ │             │
 *           └──────────┘             └─────────────┘ ◀──── └─────────────┘
 *                        the one that was read less leaves
 * ```
 *
 * ## Which window
 * A small one is right where some keys are simply more popular, or where more keys go round in a
 * loop than fit; a large one where what was just used is used again. So 1, 10, 30 and 80 % are tried
 * all the time, by shadows of some hundred entries over a sample of the keys (`shadow.ts`), and the
 * one that hit most lately is taken. (A climber, as Caffeine has one, tries one window at a time on
 * the whole cache, and pays for each wrong one; G. Einziger, O. Eytan, R. Friedman, B. Manes,
 * "Adaptive Software Cache Management", Middleware 2018.) Further shadows with other sizes give the
 * curve of hits by size.
 *
 * ## What differs from the papers, and why
 * In points of Belady's optimum, mean over the traces and sizes of `deno task bench:cache`:
 * - **A hit moves nothing.** It marks its entry; an entry that is last in its list and marked is
 *   given its way (to the front again, or from probation to protected) instead of leaving. This is
 *   the second chance of CLOCK (F. Corbató, 1968) in each list, and costs no hits worth the name:
 *   83.6 against 84.0 by moving at once.
 * - **Reads of entries are counted in the entry**, exactly, and the sketch (`sketch.ts`) only
 *   remembers those of keys that left: it is written once for each removal, some of them together,
 *   not on every access.
 * - **Counts are halved after 40 accesses an entry**, not after 10: 1.6 points. Only a sketch that
 *   is crowded is halved before, lest new keys be taken for old ones.
 * - **A candidate must lead by two reads.** With one, every halving lets a round of keys in that
 *   are no better than what they displace, and loops lose most of their hits: 2.6 points.
 *
 * Every step is O(1): at most {@linkcode STEPS_MAX} entries of a list are looked at for one eviction,
 * and after so many in a row that were all hit, one of them leaves all the same. The exception is
 * halving, which is one pass over all entries and the sketch (some ms at a million entries).
 *
 * @module
 */

import { type Arena, HOT_SHIFT, LISTS, LIVE, MARK, META, NOTED, READS_MASK } from "./arena.ts";
import type { Policy } from "./policy.ts";
import { PROTECTED_RATIO, READS_LEAD, ShadowSet, STEPS_MAX, windowMaxOf } from "./shadow.ts";
import { Sketch } from "./sketch.ts";
import type { CurvePoint } from "./status.ts";

const WINDOW = 0;
const PROBATION = 1;
const PROTECTED = 2;
const SEGMENT_NAMES = ["window", "probation", "protected"] as const;

/** Windows to choose from. */
export const WINDOW_RATIOS = [0.01, 0.1, 0.3, 0.8] as const;
/** The window that it begins with. */
const FIRST_CHOICE = 1;
/** Counts are halved after so many accesses for each entry. */
const AGE_EVERY = 40;
/** Sizes of the curve but 1. */
const CURVE_RATIOS = [0.5, 2, 4] as const;
/** Entries of a shadow of size 1, unless the cache is smaller: half of it to it. */
const SHADOW_ENTRIES_MAX = 128;
/** Scores are compared after so many sampled accesses for each entry of a shadow, but not before. */
const DECIDE_EVERY = 0.5;
const DECIDE_EVERY_MIN = 16;
/** Accesses for each entry after which a hit counts half. */
const HALF_LIFE = 20;
/** What another window must be better by. */
const GAIN_MIN = 0.01;
/** Sampled accesses after which those of the curve count half. */
const CURVE_SAMPLES_MAX = 65_536;
/** Counters of the sketch for each entry, by how many there are. */
const COUNTERS_PER_ENTRY = 8;
const COUNTERS_PER_ENTRY_LARGE = 4;
const ENTRIES_LARGE = 131_072;

/** Evictions that the sketch is told of together, so that memory is fetched for several at once. */
const LEFT_MAX = 16;

/** See the top of the file. */
export class AdaptivePolicy implements Policy {
  readonly isExact = false;
  readonly #arena: Arena<unknown>;
  /** Entries that it has when full: as many as are allowed, or as the bound on weight lets it. */
  #capacity: number;
  #sketch: Sketch | null = null;
  /** Slots of those that were evicted and the sketch has not heard of, then their reads. */
  readonly #left = new Int32Array(2 * LEFT_MAX);
  #leftCount = 0;
  #accesses = 0;
  #choice = FIRST_CHOICE;
  /** How many entries the sizes of the segments are for. */
  #divided = 0;
  #windowMax = 0;
  #protectedMax = 0;
  #shadows: ShadowSet;
  /** A key is in the sample when its hash has nothing in the upper bits that are shifted here. */
  #sampleBits = 0;
  #shadowEntries = 0;
  #sampled = 0;
  readonly #scores = new Float64Array(WINDOW_RATIOS.length);
  readonly #hits = new Float64Array(WINDOW_RATIOS.length + CURVE_RATIOS.length);
  readonly #curveHits = new Float64Array(CURVE_RATIOS.length + 1);
  #curveSamples = 0;

  /** An empty one over the slots of an arena. */
  constructor(arena: Arena<unknown>, entriesMax: number) {
    this.#arena = arena;
    this.#capacity = entriesMax;
    this.#shadows = this.#createShadows(entriesMax);
  }

  get choice(): string {
    return `window ${Math.round((WINDOW_RATIOS[this.#choice] as number) * 100)} %`;
  }

  #createShadows(entries: number): ShadowSet {
    let bits = 0;
    while (entries / 2 ** bits > SHADOW_ENTRIES_MAX) bits++;
    this.#sampleBits = bits;
    this.#shadowEntries = Math.max(1, Math.round(entries / 2 ** bits));
    const current = WINDOW_RATIOS[this.#choice] as number;
    return new ShadowSet(
      this.#shadowEntries,
      [
        ...WINDOW_RATIOS.map((windowRatio) => ({ sizeRatio: 1, windowRatio })),
        ...CURVE_RATIOS.map((sizeRatio) => ({ sizeRatio, windowRatio: current })),
      ],
      AGE_EVERY,
    );
  }

  inserted(slot: number): void {
    const arena = this.#arena;
    const hash = arena.hashOf(slot);
    const at = (slot << HOT_SHIFT) + META;
    const reads = this.#sketch === null ? 0 : this.#sketch.count(hash);
    const isSampled = this.#isSampled(hash);
    const meta = (arena.hot[at] as number) & ~(READS_MASK | NOTED);
    arena.hot[at] = meta | Math.min(READS_MASK, reads + 1) | (isSampled ? NOTED : 0);
    arena.link(slot, WINDOW);
    this.#count(1);
    if (isSampled) this.#sample(slot, false);
  }

  #isSampled(hash: number): boolean {
    return this.#sampleBits === 0 || hash >>> (32 - this.#sampleBits) === 0;
  }

  hits(slots: Int32Array, count: number, noted: number): void {
    for (let index = 0; index < count; index++) this.#sample(slots[index] as number, true);
    // One of so many hits is noted.
    this.#count(noted * 2 ** this.#sampleBits);
  }

  get #entries(): number {
    const { counts } = this.#arena;
    return (counts[WINDOW] as number) + (counts[PROBATION] as number) +
      (counts[PROTECTED] as number);
  }

  #move(slot: number, list: number): void {
    this.#arena.unlink(slot);
    this.#arena.link(slot, list);
  }

  replaced(): void {}

  removed(slot: number, isEvicted: boolean): void {
    const arena = this.#arena;
    const meta = arena.hot[(slot << HOT_SHIFT) + META] as number;
    const reads = meta & READS_MASK;
    arena.unlink(slot);
    if (isEvicted) {
      this.#left[this.#leftCount] = slot;
      this.#left[this.#leftCount + LEFT_MAX] = reads;
      // In a small cache a key may come back before many have left.
      if (++this.#leftCount >= Math.min(LEFT_MAX, this.#capacity >> 8)) this.reused();
      return;
    }
    const hash = arena.hashOf(slot);
    this.#sketch ??= this.#createSketch();
    this.#sketch.raise(hash, reads);
    if ((meta & NOTED) !== 0) this.#shadows.forget(hash);
  }

  /** Tells the sketch of those that were evicted. */
  reused(): void {
    if (this.#leftCount === 0) return;
    const sketch = this.#sketch ??= this.#createSketch();
    const left = this.#left;
    // All hashes are asked for before the first is used.
    for (let i = 0; i < this.#leftCount; i++) left[i] = this.#arena.hashOf(left[i] as number);
    for (let i = 0; i < this.#leftCount; i++) {
      sketch.raise(left[i] as number, left[i + LEFT_MAX] as number);
    }
    this.#leftCount = 0;
  }

  #createSketch(): Sketch {
    const isLarge = this.#capacity > ENTRIES_LARGE;
    return new Sketch(this.#capacity * (isLarge ? COUNTERS_PER_ENTRY_LARGE : COUNTERS_PER_ENTRY));
  }

  victim(): number {
    const entries = this.#entries;
    if (entries === 0) return -1;
    if (entries * 2 < this.#capacity || entries > this.#capacity * 2) this.#restart(entries);
    if (entries !== this.#divided) this.#divide(entries);
    const candidate = this.#leaveWindow(this.#windowMax);
    const victim = this.#leaveMain(candidate);
    if (victim < 0) return candidate < 0 ? this.#arena.lastOf(WINDOW) : candidate;
    if (candidate < 0) return victim;
    const lead = this.#readsOf(candidate) - this.#readsOf(victim);
    return lead >= READS_LEAD ? victim : candidate;
  }

  /** Says how large the segments of so many entries are. */
  #divide(entries: number): void {
    this.#divided = entries;
    this.#windowMax = windowMaxOf(entries, WINDOW_RATIOS[this.#choice] as number);
    this.#protectedMax = Math.floor((entries - this.#windowMax) * PROTECTED_RATIO);
  }

  /**
   * Takes what is too much out of the window, with room for the entry that is to come, to the front
   * of probation; the last one that left, or −1.
   */
  #leaveWindow(windowMax: number): number {
    const arena = this.#arena;
    let candidate = -1;
    for (let steps = 0; steps < STEPS_MAX; steps++) {
      if ((arena.counts[WINDOW] as number) < windowMax) break;
      const last = arena.lastOf(WINDOW);
      if (last < 0) break;
      if (this.#takeMark(last)) arena.refresh(last);
      else {
        this.#move(last, PROBATION);
        candidate = last;
      }
    }
    return candidate;
  }

  /** The last entry of probation that was not hit, those that were being promoted; −1 for none. */
  #leaveMain(candidate: number): number {
    const arena = this.#arena;
    for (let steps = 0; steps < STEPS_MAX; steps++) {
      const last = arena.lastOf(PROBATION);
      if (last < 0 || last === candidate) break;
      if (!this.#takeMark(last)) return last;
      this.#move(last, PROTECTED);
      this.#leaveProtected();
    }
    const last = arena.lastOf(PROBATION);
    if (last >= 0 && last !== candidate) return last;
    return arena.lastOf(PROTECTED);
  }

  #leaveProtected(): void {
    const arena = this.#arena;
    for (let steps = 0; steps < STEPS_MAX; steps++) {
      if ((arena.counts[PROTECTED] as number) <= this.#protectedMax) return;
      const last = arena.lastOf(PROTECTED);
      if (this.#takeMark(last)) arena.refresh(last);
      else this.#move(last, PROBATION);
    }
  }

  /** Whether it was hit since it was asked last. */
  #takeMark(slot: number): boolean {
    const at = (slot << HOT_SHIFT) + META;
    const meta = this.#arena.hot[at] as number;
    this.#arena.hot[at] = meta & ~MARK;
    return (meta & MARK) !== 0;
  }

  #readsOf(slot: number): number {
    return (this.#arena.hot[(slot << HOT_SHIFT) + META] as number) & READS_MASK;
  }

  /** Counts accesses and halves all counts when it is time. */
  #count(accesses: number): void {
    this.#accesses += accesses;
    const isCrowded = this.#sketch !== null && this.#sketch.isCrowded;
    if (this.#accesses < AGE_EVERY * this.#capacity && !isCrowded) return;
    this.#accesses /= 2;
    this.#sketch?.halve();
    const { hot, slotsEnd } = this.#arena;
    for (let at = (LISTS << HOT_SHIFT) + META; at < slotsEnd << HOT_SHIFT; at += 1 << HOT_SHIFT) {
      const meta = hot[at] as number;
      hot[at] = (meta & ~READS_MASK) | ((meta & READS_MASK) >> 1);
    }
  }

  #sample(slot: number, isHit: boolean): void {
    const arena = this.#arena;
    const shadows = this.#shadows;
    const { zeroMs } = arena;
    const nowMs = isHit ? 0 : zeroMs + arena.setMsOf(slot);
    shadows.access(arena.hashOf(slot), isHit, nowMs, zeroMs + arena.hardEndMsOf(slot));
    this.#sampled++;
    const every = Math.max(DECIDE_EVERY_MIN, Math.round(this.#shadowEntries * DECIDE_EVERY));
    if (this.#sampled >= every) this.#decide();
  }

  /** Takes over what the shadows have hit since, and chooses. */
  #decide(): void {
    const hits = this.#hits.fill(0);
    const scores = this.#scores;
    this.#shadows.takeHits(hits);
    this.#noteCurve(hits);
    const kept = 0.5 ** (this.#sampled / (this.#shadowEntries * HALF_LIFE));
    this.#sampled = 0;
    let best = this.#choice;
    for (let choice = 0; choice < scores.length; choice++) {
      scores[choice] = (scores[choice] as number) * kept + (hits[choice] as number);
    }
    for (let choice = 0; choice < scores.length; choice++) {
      if ((scores[choice] as number) > (scores[best] as number)) best = choice;
    }
    if ((scores[best] as number) <= (scores[this.#choice] as number) * (1 + GAIN_MIN)) return;
    this.#choice = best;
    this.#divided = 0;
    for (let size = 0; size < CURVE_RATIOS.length; size++) {
      this.#shadows.setWindow(scores.length + size, WINDOW_RATIOS[best] as number);
    }
  }

  #noteCurve(hits: Float64Array): void {
    const curve = this.#curveHits;
    curve[0] = (curve[0] as number) + (hits[this.#choice] as number);
    for (let size = 0; size < CURVE_RATIOS.length; size++) {
      curve[size + 1] = (curve[size + 1] as number) + (hits[WINDOW_RATIOS.length + size] as number);
    }
    this.#curveSamples += this.#sampled;
    if (this.#curveSamples < CURVE_SAMPLES_MAX) return;
    this.#curveSamples /= 2;
    for (let size = 0; size < curve.length; size++) curve[size] = (curve[size] as number) / 2;
  }

  curve(): CurvePoint[] {
    if (this.#curveSamples === 0) return [];
    return [1, ...CURVE_RATIOS].map((sizeRatio, size) => ({
      sizeRatio,
      hitRatio: (this.#curveHits[size] as number) / this.#curveSamples,
      sampled: Math.round(this.#curveSamples),
    })).sort((a, b) => a.sizeRatio - b.sizeRatio);
  }

  /** Begins anew for another number of entries; the choice stays. O(entries). */
  #restart(entries: number): void {
    this.#capacity = entries;
    this.#sketch = null;
    this.#leftCount = 0;
    this.#shadows = this.#createShadows(entries);
    this.#scores.fill(0);
    this.#curveHits.fill(0);
    this.#curveSamples = 0;
    this.#sampled = 0;
    const { hot, cold, slotsEnd } = this.#arena;
    for (let slot = LISTS; slot < slotsEnd; slot++) {
      const at = (slot << HOT_SHIFT) + META;
      // A slot that is free, or only waits to be, keeps its zero.
      if (((hot[at] as number) & LIVE) === 0) continue;
      const isSampled = this.#isSampled(cold[slot << HOT_SHIFT] as number);
      hot[at] = isSampled ? (hot[at] as number) | NOTED : (hot[at] as number) & ~NOTED;
    }
  }

  resize(entriesMax: number): void {
    if (entriesMax !== this.#capacity) this.#restart(entriesMax);
  }

  segmentOf(slot: number): string {
    return SEGMENT_NAMES[this.#arena.listOf(slot) as 0 | 1 | 2];
  }

  invariant(): void {
    this.#shadows.invariant();
  }
}
