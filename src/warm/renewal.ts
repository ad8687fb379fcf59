/**
 * `renewal`: looks at every tracked key where its value ends, and renews it when it is likely enough
 * to be asked for within its next TTL.
 *
 * A key is looked at
 *
 * - when its value becomes stale: will it be asked for within the next TTL? It is still served while
 *   the renewal is under way, and without one, for those who would get a stale value
 * - when it is not served any more: will it be asked for as long as the next value is served? This one
 *   is for those who would have to wait
 * - when somebody had to wait for another kind of data of its symbol, even if nobody ever asked for it
 * - and after that again and again, at half of its TTL between {@linkcode RELOOK_MIN_MS} and
 *   {@linkcode RELOOK_MAX_MS}: what nobody wanted at night is wanted when the market opens, and after
 *   a restart nothing is there that was wanted before
 *
 * A look is one chance and one comparison, some 2 µs; 20,000 keys that are looked at every 5 minutes
 * cost 0.02 % of a core.
 *
 * @module
 */

import type { Credit } from "./credit.ts";
import { symbolOfKey } from "../cache/key.ts";
import type { Throttle } from "./throttle.ts";
import type { WarmingSettings } from "./settings.ts";
import { SlotWheel } from "./slot_wheel.ts";
import type { WarmingSources } from "./sources.ts";
import type { WarmingPorts } from "./warming_types.ts";
import type { Wishes, WishResult } from "./wishes.ts";

/** Shortest pause between two looks at a key that is not there, ms. */
const RELOOK_MIN_MS = 60_000;
/** Longest such pause, ms. */
const RELOOK_MAX_MS = 15 * 60_000;

/** A renewal that did not come about within this share of the TTL is thought over again. */
const USEFUL_RATIO = 0.5;

/** After a restart the keys are looked at within this time, ms, so that no tick takes long. */
const RESTART_SPREAD_MS = 2_000;

/** What {@linkcode Renewal} is made of. */
export interface RenewalOptions {
  readonly settings: WarmingSettings;
  readonly ports: WarmingPorts;
  readonly sources: WarmingSources;
  readonly credit: Credit;
  readonly wishes: Wishes;
  readonly throttle: Throttle;
  readonly nowMs: number;
}

/** See the head of this file. */
export class Renewal {
  readonly #options: RenewalOptions;
  readonly #wheel: SlotWheel;
  readonly #slots: number;

  /** Nothing is looked at. */
  constructor(options: RenewalOptions) {
    this.#options = options;
    this.#wheel = new SlotWheel(options.credit.ids, options.nowMs);
    this.#slots = options.sources.statistics.keysMax;
  }

  /** Bytes of its arrays. */
  get bytes(): number {
    return this.#wheel.bytes;
  }

  /** An entry was stored. O(1). */
  stored(id: number, nowMs: number): void {
    this.#wheel.set(id, this.#options.credit.nextMs(id, nowMs));
  }

  /** A slot has got a key, nothing of which is known to be there. O(1). */
  tracked(slot: number, nowMs: number): void {
    this.#wheel.set(slot, nowMs + RELOOK_MIN_MS);
  }

  /** A slot or an id is nobody's. O(1). */
  forget(id: number): void {
    this.#wheel.clear(id);
  }

  /** Something is known of a key that says when to look again. */
  again(id: number, atMs: number): void {
    this.#wheel.set(id, atMs);
  }

  /** Looks at all tracked keys soon. */
  restart(nowMs: number): void {
    for (let slot = 0; slot < this.#slots; slot++) {
      if (this.#options.sources.statistics.keyAt(slot) === "") continue;
      this.#wheel.set(slot, nowMs + (slot / this.#slots) * RESTART_SPREAD_MS);
    }
  }

  /** Looks at what is due. O(due). */
  tick(nowMs: number): void {
    this.#wheel.advance(nowMs, (id) => this.#due(id, nowMs));
  }

  #due(id: number, nowMs: number): void {
    const { credit } = this.#options;
    credit.pass(id, nowMs);
    let nextMs = credit.nextMs(id, nowMs);
    if (id < this.#slots) {
      if (!credit.isFresh(id, nowMs)) this.look(id, nowMs, false);
      if (nextMs === Infinity) nextMs = nowMs + this.#pauseMs(id);
    }
    // A renewal that begins is heard of when it is stored.
    if (nextMs !== Infinity) this.#wheel.set(id, nextMs);
  }

  #pauseMs(slot: number): number {
    const ttlMs = this.#options.credit.ttlMs(slot);
    return Math.min(Math.max(ttlMs / 2, RELOOK_MIN_MS), RELOOK_MAX_MS);
  }

  /**
   * Looks at the other kinds of data of a key's symbol: where one is missing, others are. O(kinds),
   * some 5 µs; only for accesses that had to wait, which take longer than that.
   */
  companions(key: string, nowMs: number): void {
    if (symbolOfKey(key) === "" || !this.#mayLook(nowMs)) return;
    const { sources, wishes } = this.#options;
    for (const other of sources.chance.companions(key)) {
      if (other === key) continue;
      const slot = sources.statistics.slotOf(other);
      if (!wishes.isPresent(other, slot, nowMs)) this.#wish(other, slot, nowMs, false);
    }
  }

  /** Wants the key of a slot if it is likely enough; null for a slot without one. */
  look(slot: number, nowMs: number, isByHand: boolean): WishResult | null {
    const { sources, wishes } = this.#options;
    if (wishes.isWanted(slot)) return "present";
    if (!isByHand && !this.#mayLook(nowMs)) return "belowFloor";
    const key = sources.statistics.keyAt(slot);
    return key === "" ? null : this.#wish(key, slot, nowMs, isByHand);
  }

  #wish(key: string, slot: number, nowMs: number, isByHand: boolean): WishResult {
    const { settings, ports, sources, credit, wishes } = this.#options;
    const { chance } = sources;
    const { freshMs, servedMs } = ports.ttlMs(key, nowMs);
    const isServed = slot >= 0 && credit.isServed(slot, nowMs);
    const isServedChance = slot >= 0 && !isServed;
    const windowMs = isServedChance ? servedMs : freshMs;
    return wishes.wish({
      strategy: "renewal",
      key,
      slot,
      chance: slot >= 0
        ? chance.chance(slot, nowMs, windowMs)
        : chance.chanceOfKey(key, nowMs, windowMs),
      isServedChance,
      floor: isServed ? settings.strategies.renewal.freshFloor : null,
      lingerMs: Math.min(settings.lingerRatio * freshMs, settings.lingerMaxMs),
      usefulMs: USEFUL_RATIO * freshMs,
      isOfCycle: false,
      isByHand,
    }, nowMs);
  }

  /** Enabled by some variant, or at all: `wish` says so by key. */
  #mayLook(nowMs: number): boolean {
    const { settings: { isEnabled, strategies, experiment }, throttle } = this.#options;
    return isEnabled && (strategies.renewal.isEnabled || experiment !== null) &&
      throttle.allows(nowMs) >= 1;
  }
}
