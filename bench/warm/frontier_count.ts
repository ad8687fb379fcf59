/**
 * A workload by counting alone: an unbounded cache, loads that take no time and never fail, and a
 * rule that says what is fetched ahead of need. As the README of the workloads counts its
 * frontiers.
 *
 * One play gives both: an access is a fresh hit within the TTL, and is served up to twice the TTL.
 * Either way what is past its TTL is fetched by the access, behind the answer or before it, so that
 * fresh hits and keys are the same whether or not stale values are served.
 *
 * @module
 */

import type { DayAsset } from "../cache/day1.ts";
import type { ReliabilityBucket } from "../../src/warm/warming_types.ts";
import { kindOf, TtlTable, type Workload } from "./workloads.ts";

/** Kinds of data of the workloads: each symbol has each. */
const KINDS = ["price", "news", "fundamentals", "profile"] as const;

/** Where the value of a key ends: it is not fresh, or not served, any more. */
export type ValueEnd = "soft" | "hard";

/** What is fetched ahead of need. Keys are ids, places in {@linkcode FrontierCount.keys}. */
export interface FrontierRule {
  /** A key was asked for, and is fresh now. */
  accessed(id: number, atMs: number): void;
  /** The value of a key ended, and nobody has asked since. */
  ended(id: number, atMs: number, end: ValueEnd): void;
}

/** Makes a rule that fetches by that count's `warm`. */
export type MakeRule = (count: FrontierCount) => FrontierRule;

/** What was counted. */
export interface FrontierResult {
  readonly requests: number;
  readonly fresh: number;
  readonly served: number;
  /** Fetched, for whatever reason. */
  readonly keys: number;
  /** Of them: fetched ahead of need. */
  readonly warmed: number;
  /** Of those: asked for while they were served. */
  readonly used: number;
  /** Of those: replaced, or at the end of their window, without. The rest was open at the end. */
  readonly wasted: number;
  /** By chance: how many of the windows that ended had an access. */
  readonly buckets: readonly ReliabilityBucket[];
}

/** Predictions whose windows are as long, in the order of their ends. */
interface Windows {
  readonly atMs: number[];
  readonly ids: number[];
  readonly chances: number[];
  next: number;
}

/** Values that hold as long, in the order of their ends. */
interface Ends {
  readonly end: ValueEnd;
  readonly afterMs: number;
  readonly fetchedMs: number[];
  readonly ids: number[];
  next: number;
}

const BUCKETS = 10;

/** See the head of this file. */
export class FrontierCount {
  readonly workload: Workload;
  /** Every kind of every symbol, asked for or not. */
  readonly keys: readonly string[];
  readonly #idOf = new Map<string, number>();
  readonly #kinds: readonly string[];
  readonly #assets: readonly DayAsset[];
  readonly #ttl = new TtlTable();
  /** By id: when it was fetched, its TTL, and when it was asked for. */
  readonly #fetchedMs: Float64Array;
  readonly #ttlMs: Float64Array;
  readonly #lastMs: Float64Array;
  /** By id: until when a value fetched ahead of need is waited for; 0 for none. */
  readonly #openMs: Float64Array;
  readonly #ends = new Map<string, Ends>();
  readonly #windows = new Map<number, Windows>();
  readonly #predicted = new Float64Array(BUCKETS);
  readonly #count = new Float64Array(BUCKETS);
  readonly #asked = new Float64Array(BUCKETS);
  #fresh = 0;
  #served = 0;
  #fetches = 0;
  #warmed = 0;
  #used = 0;
  #wasted = 0;

  /** Nothing is in the cache. */
  constructor(workload: Workload) {
    this.workload = workload;
    const symbols = [...workload.universe.values()];
    this.keys = symbols.flatMap(({ symbol }) => KINDS.map((kind) => `${kind}:${symbol}`));
    this.#assets = symbols.flatMap(({ asset }) => KINDS.map(() => asset));
    this.#kinds = this.keys.map(kindOf);
    this.keys.forEach((key, id) => this.#idOf.set(key, id));
    const { length } = this.keys;
    this.#fetchedMs = new Float64Array(length).fill(-Infinity);
    this.#ttlMs = new Float64Array(length);
    this.#lastMs = new Float64Array(length).fill(-Infinity);
    this.#openMs = new Float64Array(length);
  }

  /** The id of a key; −1 for none of this universe. */
  idOf(key: string): number {
    return this.#idOf.get(key) ?? -1;
  }

  /** How long a value fetched now is fresh, ms. */
  ttlMs(id: number, atMs: number): number {
    return this.#ttl.ttlMs(this.#kinds[id] ?? "", this.#assets[id] ?? "equity", atMs);
  }

  /** Whether there is a value within its TTL. */
  isFresh(id: number, atMs: number): boolean {
    return atMs < (this.#fetchedMs[id] as number) + (this.#ttlMs[id] as number);
  }

  /** Fetches ahead of need, at the chance that the key is asked for within `windowMs`. */
  warm(id: number, atMs: number, chance: number, windowMs: number): void {
    this.#fetch(id, atMs);
    this.#warmed++;
    this.#openMs[id] = atMs + windowMs;
    let windows = this.#windows.get(windowMs);
    if (windows === undefined) {
      windows = { atMs: [], ids: [], chances: [], next: 0 };
      this.#windows.set(windowMs, windows);
    }
    windows.atMs.push(atMs);
    windows.ids.push(id);
    windows.chances.push(chance);
  }

  /** Plays the workload. O(requests + values). */
  play(make: MakeRule): FrontierResult {
    const rule = make(this);
    const { atMs, keyOf, keys } = this.workload;
    const ids = Int32Array.from(keys, (key) => this.idOf(key));
    for (let request = 0; request < atMs.length; request++) {
      const nowMs = atMs[request] as number;
      this.#end(nowMs, rule);
      this.#resolve(nowMs);
      this.#access(ids[keyOf[request] as number] as number, nowMs);
      rule.accessed(ids[keyOf[request] as number] as number, nowMs);
    }
    this.#resolve(atMs.at(-1) ?? 0);
    return this.#result();
  }

  #access(id: number, nowMs: number): void {
    const age = nowMs - (this.#fetchedMs[id] as number);
    const ttlMs = this.#ttlMs[id] as number;
    const isServed = age < 2 * ttlMs;
    if (isServed) this.#served++;
    if (isServed && (this.#openMs[id] as number) > 0) {
      this.#used++;
      this.#openMs[id] = 0;
    }
    if (age < ttlMs) this.#fresh++;
    else this.#fetch(id, nowMs);
    this.#lastMs[id] = nowMs;
  }

  #fetch(id: number, nowMs: number): void {
    if ((this.#openMs[id] as number) > 0) this.#wasted++;
    const ttlMs = this.ttlMs(id, nowMs);
    this.#fetchedMs[id] = nowMs;
    this.#ttlMs[id] = ttlMs;
    this.#openMs[id] = 0;
    this.#fetches++;
    this.#endsOf("soft", ttlMs).ids.push(id);
    this.#endsOf("soft", ttlMs).fetchedMs.push(nowMs);
    this.#endsOf("hard", 2 * ttlMs).ids.push(id);
    this.#endsOf("hard", 2 * ttlMs).fetchedMs.push(nowMs);
  }

  #endsOf(end: ValueEnd, afterMs: number): Ends {
    const name = `${end} ${afterMs}`;
    let ends = this.#ends.get(name);
    if (ends === undefined) {
      ends = { end, afterMs, fetchedMs: [], ids: [], next: 0 };
      this.#ends.set(name, ends);
    }
    return ends;
  }

  /** Tells the rule of what has ended by now, in order. */
  #end(nowMs: number, rule: FrontierRule): void {
    for (;;) {
      let first: Ends | null = null;
      let firstMs = Infinity;
      for (const ends of this.#ends.values()) {
        const endMs = (ends.fetchedMs[ends.next] ?? Infinity) + ends.afterMs;
        if (endMs >= firstMs) continue;
        first = ends;
        firstMs = endMs;
      }
      if (first === null || firstMs > nowMs) return;
      const id = first.ids[first.next] as number;
      const isThere = this.#fetchedMs[id] === first.fetchedMs[first.next];
      first.next++;
      if (isThere) rule.ended(id, firstMs, first.end);
    }
  }

  /** Counts the predictions whose windows ended before now. */
  #resolve(nowMs: number): void {
    for (const [windowMs, windows] of this.#windows) {
      for (;; windows.next++) {
        const atMs = windows.atMs[windows.next];
        if (atMs === undefined || atMs + windowMs >= nowMs) break;
        const id = windows.ids[windows.next] as number;
        const chance = windows.chances[windows.next] as number;
        const bucket = Math.min(Math.floor(chance * BUCKETS), BUCKETS - 1);
        this.#count[bucket] = (this.#count[bucket] as number) + 1;
        this.#predicted[bucket] = (this.#predicted[bucket] as number) + chance;
        if ((this.#lastMs[id] as number) > atMs) {
          this.#asked[bucket] = (this.#asked[bucket] as number) + 1;
        }
      }
    }
  }

  #result(): FrontierResult {
    const endMs = this.workload.atMs.at(-1) ?? 0;
    const wasted = this.#wasted +
      this.#openMs.reduce((count, openMs) => count + (openMs > 0 && openMs <= endMs ? 1 : 0), 0);
    const buckets = Array.from(this.#count, (count, at) => ({
      from: at / BUCKETS,
      to: (at + 1) / BUCKETS,
      count,
      predicted: (this.#predicted[at] as number) / count,
      used: (this.#asked[at] as number) / count,
    })).filter(({ count }) => count > 0);
    return {
      requests: this.workload.atMs.length,
      fresh: this.#fresh,
      served: this.#served,
      keys: this.#fetches,
      warmed: this.#warmed,
      used: this.#used,
      wasted,
      buckets,
    };
  }
}
