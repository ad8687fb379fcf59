/**
 * Who is owed what: every entry that warming stored, from when it came until it ends, and whether it
 * was used. The entries of others are known here too, by their ends, for renewal.
 *
 * An entry's id is the slot of its key among the tracked keys. A warmed entry whose key lost its slot
 * has one of a few ids of its own, found by a Map, so that no credit and no byte is lost with a slot.
 * 23 bytes an id.
 *
 * ## Life of a warmed entry
 * ```
 *        stored ──▶ open ── first access answered fresh or stale ──▶ used
 *                    │
 *                    └── served no longer, replaced, or an access had to wait ──▶ wasted
 * ```
 * - *judged* (precision, for throttling): when it is used, or at its end, or after
 *   {@linkcode HORIZON_MS}; a use after that takes the judgement back
 * - *matured* (reliability of its chance): at the end of what the chance was for, its TTL or the time it
 *   is served, used by then or not; or when it is replaced after it was used or has come to the end of
 *   its TTL. One that was replaced before, unused, says nothing.
 *
 * @module
 */

import { type AccessAnswer, type StoredEntry, STRATEGY_NAMES, type StrategyName } from "./types.ts";

/** Times are kept in these steps, ms, since the start: 32 bits are 13 years. */
const STEP_MS = 100;

const HOUR_MS = 3_600_000;

/** After this time an unused entry counts as unused for now, ms; see the head of this file. */
const HORIZON_DEFAULT_MS = 24 * HOUR_MS;
/** What is read next is read soon. */
const HORIZON_PREDICTIVE_MS = HOUR_MS / 4;

/** Warmed entries whose keys have no slot: as many as lose theirs within some minutes. */
const EXTRAS_MAX = 4_096;

/** Most characters of a key that is remembered outside of the slots. */
const EXTRA_KEY_CHARS_MAX = 1_024;

// Bits of a state: who stored it in the lowest four, the strategy + 1 or somebody else; 0 is none.
const BY = 0x0f, OTHER = 0x0f, USED = 0x10, JUDGED = 0x20, MATURED = 0x40;
/** Its chance is that of a use as long as it is served, not only as long as it is fresh. */
const WIDE = 0x80;

/** Chances are kept in these parts of 1. */
const CHANCE_PARTS = 250;
/** In place of a chance: nobody said. */
const UNSAID = 255;

/** Of a TTL, what may be missing when an entry is replaced that has come to its end. */
const ENDED_SHARE = 0.05;

/** What is told of warmed entries. */
export interface CreditListener {
  /** It came. */
  warmed(id: number, by: StrategyName): void;
  /** It was used for the first time. */
  used(id: number, by: StrategyName): void;
  /** It ended unused. */
  wasted(id: number, by: StrategyName): void;
  /** Precision: was it used. */
  judged(by: StrategyName, isUsed: boolean, atMs: number): void;
  /** Precision: it was judged unused, and is used after all. */
  amended(by: StrategyName): void;
  /** Reliability: it was warmed at a chance, and used within its TTL or not. */
  matured(by: StrategyName, chance: number, saidChance: number, isUsed: boolean): void;
}

/** What a load was asked for. */
export interface Asked {
  readonly strategy: StrategyName;
  readonly chance: number;
  /** The chance as the strategy said it, before it was corrected. */
  readonly saidChance: number;
  /** Whether it is the chance of a use as long as it is served; else as long as it is fresh. */
  readonly isServedChance: boolean;
}

/** What {@linkcode Credit} is made of. */
export interface CreditOptions {
  /** Slots of tracked keys. */
  readonly slots: number;
  /** The earliest time, epoch ms. */
  readonly startMs: number;
  readonly listener: CreditListener;
}

/** See the head of this file. All but `tracked` and `replaced` are O(1) without hashing a key. */
export class Credit {
  /** Ids are 0 to this, not included. */
  readonly ids: number;
  readonly #slots: number;
  readonly #startMs: number;
  readonly #listener: CreditListener;
  /** When it was stored, is stale, is served no longer: steps since the start. */
  readonly #stored: Uint32Array;
  readonly #soft: Uint32Array;
  readonly #hard: Uint32Array;
  readonly #weight: Float32Array;
  readonly #chance: Uint8Array;
  readonly #said: Uint8Array;
  readonly #state: Uint8Array;
  /** Who asked for a load that is under way (+ 1), and at what chance. */
  readonly #askedBy: Uint8Array;
  readonly #askedChance: Uint8Array;
  readonly #askedSaid: Uint8Array;
  readonly #extras = new Map<string, number>();
  /** The same of keys without a slot: who asked and the chance in one number. */
  readonly #askedExtras = new Map<string, number>();
  readonly #extraKeys: (string | null)[];
  readonly #freeExtras: number[] = [];
  #bytes = 0;
  #entries = 0;
  #unwatched = 0;

  /** Nothing is known. */
  constructor({ slots, startMs, listener }: CreditOptions) {
    this.ids = slots + EXTRAS_MAX;
    this.#slots = slots;
    this.#startMs = startMs;
    this.#listener = listener;
    this.#stored = new Uint32Array(this.ids);
    this.#soft = new Uint32Array(this.ids);
    this.#hard = new Uint32Array(this.ids);
    this.#weight = new Float32Array(this.ids);
    this.#chance = new Uint8Array(this.ids);
    this.#said = new Uint8Array(this.ids);
    this.#state = new Uint8Array(this.ids);
    this.#askedBy = new Uint8Array(this.ids);
    this.#askedChance = new Uint8Array(this.ids);
    this.#askedSaid = new Uint8Array(this.ids);
    this.#extraKeys = new Array<string | null>(EXTRAS_MAX).fill(null);
    for (let id = this.ids - 1; id >= slots; id--) this.#freeExtras.push(id);
  }

  /** Weight of the warmed entries that are still there. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many those are. */
  get entries(): number {
    return this.#entries;
  }

  /** Warmed entries that could not be followed: their keys had no slot, nor was there another. */
  get unwatched(): number {
    return this.#unwatched;
  }

  /** The id of a key that has no slot; −1 when it has none. O(1). */
  extraOf(key: string): number {
    return this.#extras.size === 0 ? -1 : this.#extras.get(key) ?? -1;
  }

  /** The key of an id beyond the slots. */
  extraKey(id: number): string {
    return this.#extraKeys[id - this.#slots] ?? "";
  }

  /** Whether a value is there that is fresh, as far as was heard. */
  isFresh(id: number, atMs: number): boolean {
    return (this.#state[id] as number) !== 0 && atMs < this.softMs(id);
  }

  /** Whether a value is there that is served. */
  isServed(id: number, atMs: number): boolean {
    return (this.#state[id] as number) !== 0 && atMs < this.hardMs(id);
  }

  /** Whether an entry is there, and warming has stored it. */
  isWarmed(id: number): boolean {
    return isOurs(this.#state[id] as number);
  }

  /** End of the TTL of the last value, epoch ms; the start when there was none. */
  softMs(id: number): number {
    return this.#startMs + (this.#soft[id] as number) * STEP_MS;
  }

  /** Until when the last value is served, epoch ms. */
  hardMs(id: number): number {
    return this.#startMs + (this.#hard[id] as number) * STEP_MS;
  }

  /** How long the last value was fresh, ms; 0 when there was none. */
  ttlMs(id: number): number {
    return ((this.#soft[id] as number) - (this.#stored[id] as number)) * STEP_MS;
  }

  /** A key is being loaded: whoever stores it stores it for this strategy, at this chance. */
  asked(slot: number, key: string, asked: Asked): void {
    const { strategy, chance, saidChance, isServedChance } = asked;
    const number = STRATEGY_NAMES.indexOf(strategy) + 1 | (isServedChance ? WIDE : 0);
    if (slot >= 0) return this.#noteAsked(slot, number, partsOf(chance), partsOf(saidChance));
    this.#askedExtras.set(key, number << 16 | partsOf(chance) << 8 | partsOf(saidChance));
    if (this.#askedExtras.size <= EXTRAS_MAX) return;
    const [oldest] = this.#askedExtras.keys();
    if (oldest !== undefined) this.#askedExtras.delete(oldest);
  }

  #noteAsked(id: number, number: number, chanceParts: number, saidParts: number): void {
    this.#askedBy[id] = number;
    this.#askedChance[id] = chanceParts;
    this.#askedSaid[id] = saidParts;
  }

  /** An entry was stored under a key that has this slot, or −1. Returns its id, −1 for none. */
  stored(slot: number, entry: StoredEntry): number {
    const id = slot >= 0 ? slot : this.#extraFor(entry);
    if (id < 0) return -1;
    this.#end(id, entry.atMs, false);
    this.#takeAsked(id, entry.key);
    this.#stored[id] = this.#step(entry.atMs);
    // Later, never earlier: what is stale by this is stale in the cache.
    this.#soft[id] = this.#step(entry.softAtMs + STEP_MS - 1);
    this.#hard[id] = this.#step(entry.hardAtMs + STEP_MS - 1);
    this.#state[id] = OTHER;
    if (entry.strategy !== null) this.#openWarmed(id, entry, entry.strategy);
    return id;
  }

  /** A key that was asked for without a slot may have one by now. */
  #takeAsked(id: number, key: string): void {
    const asked = this.#askedExtras.size === 0 ? undefined : this.#askedExtras.get(key);
    if (asked === undefined) return;
    this.#askedExtras.delete(key);
    this.#noteAsked(id, asked >> 16, asked >> 8 & 0xff, asked & 0xff);
  }

  #openWarmed(id: number, entry: StoredEntry, strategy: StrategyName): void {
    const asked = this.#askedBy[id] as number;
    const by = asked !== 0 ? asked : STRATEGY_NAMES.indexOf(strategy) + 1;
    this.#chance[id] = asked !== 0 ? this.#askedChance[id] as number : UNSAID;
    this.#said[id] = this.#askedSaid[id] as number;
    this.#askedBy[id] = 0;
    this.#state[id] = by;
    this.#weight[id] = entry.weightBytes;
    this.#bytes += this.#weight[id] as number;
    this.#entries++;
    this.#listener.warmed(id, nameOf(by & BY));
  }

  #extraFor(entry: StoredEntry): number {
    const known = this.extraOf(entry.key);
    if (known >= 0) return known;
    if (entry.strategy === null) return -1;
    const id = entry.key.length <= EXTRA_KEY_CHARS_MAX ? this.#freeExtras.pop() : undefined;
    if (id === undefined) {
      this.#unwatched++;
      return -1;
    }
    this.#extras.set(entry.key, id);
    this.#extraKeys[id - this.#slots] = entry.key;
    return id;
  }

  /** The key of a slot was asked for. The hot path. */
  accessed(slot: number, answer: AccessAnswer, atMs: number): void {
    const state = this.#state[slot] as number;
    if (state === 0 || answer === "elsewhere") return;
    if (answer === "waited") {
      // Who began to wait before it was stored waited for it.
      if (this.#step(atMs) > (this.#stored[slot] as number)) this.#end(slot, atMs, true);
      return;
    }
    if (!isOurs(state) || (state & USED) !== 0) return;
    if ((state & WIDE) === 0 && atMs >= this.softMs(slot)) this.#mature(slot);
    const by = nameOf(state & BY);
    this.#state[slot] = (this.#state[slot] as number) | USED | JUDGED;
    this.#listener.used(slot, by);
    if ((state & JUDGED) !== 0) this.#listener.amended(by);
    else this.#listener.judged(by, true, atMs);
  }

  /** A moment of an entry's life has come, see `nextMs`. */
  pass(id: number, nowMs: number): void {
    const state = this.#state[id] as number;
    if (!isOurs(state)) {
      if (state === 0 || nowMs < this.hardMs(id)) return;
      this.#state[id] = 0;
      // Somebody else has replaced what warming stored: nothing is owed for it any more.
      if (id >= this.#slots) this.#free(id);
      return;
    }
    if ((state & WIDE) === 0 && nowMs >= this.softMs(id)) this.#mature(id);
    if (nowMs >= this.hardMs(id)) {
      this.#end(id, nowMs, false);
      if (id >= this.#slots) this.#free(id);
    } else if (nowMs >= this.#judgeMs(id)) this.#judge(id, nowMs);
  }

  /** The cache does not have an entry any more, before its time: evicted, or invalidated. O(1). */
  gone(id: number, nowMs: number): void {
    this.#end(id, nowMs, false);
    if (id >= this.#slots) this.#free(id);
  }

  /** When something happens to an entry next, epoch ms; Infinity: nothing will. */
  nextMs(id: number, nowMs: number): number {
    const state = this.#state[id] as number;
    if (state === 0) return Infinity;
    const softMs = this.softMs(id);
    const isOpen = isOurs(state) && (state & JUDGED) === 0;
    const judgeMs = isOpen ? this.#judgeMs(id) : Infinity;
    return Math.min(softMs > nowMs ? softMs : this.hardMs(id), judgeMs);
  }

  /** A slot is about to lose its key: a warmed entry is followed on under an id of its own. */
  replaced(slot: number, keyOf: () => string, nowMs: number): number {
    const state = this.#state[slot] as number;
    let id = -1;
    if (isOurs(state)) {
      const key = keyOf();
      id = key.length <= EXTRA_KEY_CHARS_MAX ? this.#freeExtras.pop() ?? -1 : -1;
      if (id < 0) {
        this.#unwatched++;
        this.#end(slot, nowMs, false);
      } else {
        this.#extras.set(key, id);
        this.#extraKeys[id - this.#slots] = key;
        this.#move(slot, id);
      }
    }
    this.#clear(slot);
    return id;
  }

  /** A slot has got a key: if a warmed entry of it was followed, it is the slot's from now on. */
  tracked(slot: number, key: string): number {
    const id = this.extraOf(key);
    if (id < 0) return -1;
    this.#move(id, slot);
    this.#free(id);
    return id;
  }

  #move(from: number, to: number): void {
    for (
      const column of [
        this.#stored,
        this.#soft,
        this.#hard,
        this.#weight,
        this.#chance,
        this.#said,
        this.#state,
        this.#askedBy,
        this.#askedChance,
        this.#askedSaid,
      ]
    ) column[to] = column[from] as number;
  }

  #clear(id: number): void {
    this.#state[id] = 0;
    this.#stored[id] = this.#soft[id] = this.#hard[id] = 0;
    this.#askedBy[id] = 0;
  }

  #free(id: number): void {
    this.#clear(id);
    const key = this.#extraKeys[id - this.#slots];
    if (key === null || key === undefined) return;
    this.#extras.delete(key);
    this.#extraKeys[id - this.#slots] = null;
    this.#freeExtras.push(id);
  }

  #judgeMs(id: number): number {
    const isNext = nameOf((this.#state[id] as number) & BY) === "predictive";
    const horizonMs = isNext ? HORIZON_PREDICTIVE_MS : HORIZON_DEFAULT_MS;
    const storedMs = this.#startMs + (this.#stored[id] as number) * STEP_MS;
    return Math.min(this.hardMs(id), storedMs + horizonMs);
  }

  #judge(id: number, nowMs: number): void {
    const state = this.#state[id] as number;
    if ((state & JUDGED) !== 0) return;
    this.#state[id] = state | JUDGED;
    this.#listener.judged(nameOf(state & BY), false, nowMs);
  }

  #mature(id: number): void {
    const state = this.#state[id] as number;
    if ((state & MATURED) !== 0) return;
    this.#state[id] = state | MATURED;
    const chance = this.#chance[id] as number;
    if (chance === UNSAID) return;
    const isUsed = (state & USED) !== 0;
    const said = (this.#said[id] as number) / CHANCE_PARTS;
    this.#listener.matured(nameOf(state & BY), chance / CHANCE_PARTS, said, isUsed);
  }

  /** `isLost`: it was not there when it was asked for: of no use, whatever its TTL. */
  #end(id: number, atMs: number, isLost: boolean): void {
    const state = this.#state[id] as number;
    if (isOurs(state)) {
      const hasEnded = atMs >= this.softMs(id) - ENDED_SHARE * this.ttlMs(id);
      const isUsed = (state & USED) !== 0;
      // What was used has come true, whenever it is replaced: reads near its end renew it.
      if (hasEnded || isLost || isUsed) this.#mature(id);
      this.#judge(id, atMs);
      if (!isUsed) this.#listener.wasted(id, nameOf(state & BY));
      this.#bytes -= this.#weight[id] as number;
      this.#entries--;
    }
    this.#state[id] = 0;
  }

  #step(ms: number): number {
    return Math.min(Math.max(0, Math.floor((ms - this.#startMs) / STEP_MS)), 0xffff_ffff);
  }
}

const isOurs = (state: number) => (state & BY) !== 0 && (state & BY) !== OTHER;

const partsOf = (chance: number) => Math.round(chance * CHANCE_PARTS);

const nameOf = (by: number) => STRATEGY_NAMES[by - 1] as StrategyName;
