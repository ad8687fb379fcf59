/**
 * The default policy.
 *
 * @module
 */

import { type Arena, HOT_SHIFT, LISTS, MARK, META, NOTED, READS_MASK } from "./arena.ts";
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
const SHADOW_ENTRIES_MAX = 256;
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
const COUNTERS_PER_ENTRY = 16;
const COUNTERS_PER_ENTRY_LARGE = 4;
const ENTRIES_LARGE = 131_072;

/** See the top of the file. */
export class AdaptivePolicy implements Policy {
  readonly isExact = false;
  readonly #arena: Arena<unknown>;
  #entriesMax: number;
  #sketch: Sketch | null = null;
  #accesses = 0;
  #choice = FIRST_CHOICE;
  #shadows: ShadowSet;
  /** A key is in the sample when its hash has nothing in the upper bits that are shifted here. */
  #sampleBits = 0;
  #shadowEntries = 0;
  #sampled = 0;
  readonly #scores = new Float64Array(WINDOW_RATIOS.length);
  readonly #hits = new Float64Array(WINDOW_RATIOS.length + CURVE_RATIOS.length);
  readonly #curveHits = new Float64Array(CURVE_RATIOS.length + 1);
  #curveSamples = 0;

  constructor(arena: Arena<unknown>, entriesMax: number) {
    this.#arena = arena;
    this.#entriesMax = entriesMax;
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
    const hash = arena.hashOf(slot);
    this.#sketch ??= this.#createSketch();
    this.#sketch.raise(hash, meta & READS_MASK);
    arena.unlink(slot);
    if (!isEvicted && (meta & NOTED) !== 0) this.#shadows.forget(hash);
  }

  #createSketch(): Sketch {
    const entries = this.#entriesMax;
    const perEntry = entries > ENTRIES_LARGE ? COUNTERS_PER_ENTRY_LARGE : COUNTERS_PER_ENTRY;
    return new Sketch(entries * perEntry);
  }

  victim(): number {
    const entries = this.#entries;
    if (entries === 0) return -1;
    if (entries < this.#shadowEntries * 2 ** this.#sampleBits / 2) this.#restart(entries);
    const windowMax = windowMaxOf(entries, WINDOW_RATIOS[this.#choice] as number);
    const candidate = this.#leaveWindow(windowMax);
    const victim = this.#leaveMain(entries - windowMax, candidate);
    if (victim < 0) return candidate < 0 ? this.#arena.lastOf(WINDOW) : candidate;
    if (candidate < 0) return victim;
    const lead = this.#readsOf(candidate) - this.#readsOf(victim);
    return lead >= READS_LEAD ? victim : candidate;
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
  #leaveMain(mainMax: number, candidate: number): number {
    const arena = this.#arena;
    const protectedMax = Math.floor(mainMax * PROTECTED_RATIO);
    for (let steps = 0; steps < STEPS_MAX; steps++) {
      const last = arena.lastOf(PROBATION);
      if (last < 0 || last === candidate) break;
      if (!this.#takeMark(last)) return last;
      this.#move(last, PROTECTED);
      this.#leaveProtected(protectedMax);
    }
    const last = arena.lastOf(PROBATION);
    if (last >= 0 && last !== candidate) return last;
    return arena.lastOf(PROTECTED);
  }

  #leaveProtected(protectedMax: number): void {
    const arena = this.#arena;
    for (let steps = 0; steps < STEPS_MAX; steps++) {
      if ((arena.counts[PROTECTED] as number) <= protectedMax) return;
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
    if (this.#accesses < AGE_EVERY * this.#entriesMax) return;
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

  /** The bound on weight holds fewer entries than thought, or more are allowed. */
  #restart(entries: number): void {
    this.#shadows = this.#createShadows(entries);
    this.#scores.fill(0);
    this.#curveHits.fill(0);
    this.#curveSamples = 0;
    this.#sampled = 0;
    const { hot, cold, slotsEnd } = this.#arena;
    for (let slot = LISTS; slot < slotsEnd; slot++) {
      const at = (slot << HOT_SHIFT) + META;
      const isSampled = this.#isSampled(cold[slot << HOT_SHIFT] as number);
      hot[at] = isSampled ? (hot[at] as number) | NOTED : (hot[at] as number) & ~NOTED;
    }
  }

  resize(entriesMax: number): void {
    this.#entriesMax = entriesMax;
    this.#sketch = null;
    this.#restart(entriesMax);
  }

  segmentOf(slot: number): string {
    return SEGMENT_NAMES[this.#arena.listOf(slot) as 0 | 1 | 2];
  }

  invariant(): void {
    this.#shadows.invariant();
  }
}
