/**
 * The limits of all keys: which there are, how they begin, and how they come through a restart.
 *
 * @module
 */

import { LimitLane } from "./limit_lane.ts";
import type { LimiterSettings, LimitSpec } from "./limit_options.ts";
import { type LimitRate, RATE_REQUESTS_MAX } from "./limit_rate.ts";
import {
  coarseRuns,
  type LaneSnapshot,
  type LimiterSnapshot,
  type RingSnapshot,
  runsPerRing,
} from "./limit_snapshot.ts";
import { SlotRing } from "./slot_ring.ts";

/** One lane of a snapshot, and what goes for all of it. */
interface SavedLane {
  readonly lane: LaneSnapshot;
  readonly reserved: number;
  /** When the snapshot was taken, in the time of this process. */
  readonly takenMs: number;
}

/** One lane for all keys together and one a key; without limits a key, one under the empty name. */
export class LimitLanes {
  /** Whether a limit counts by key. */
  readonly hasKeys: boolean;
  /** The limits of all keys together. */
  all: LimitLane;
  readonly #settings: LimiterSettings;
  readonly #lanes = new Map<string, LimitLane>();
  readonly #rates = new Map<string, LimitRate>();
  /** Limits that the restored snapshot speaks of; the others begin as they are told to. */
  #savedLimits: ReadonlySet<string> = new Set();
  /** What keys that are not known may have used of those limits, all of it as of then. */
  #others: { count: number; atMs: number };
  /** Until then what a former process sent may arrive. */
  #strayUntilMs: number;

  /** Limits begin as their settings say; keys come when they are asked for. */
  constructor(settings: LimiterSettings, nowMs: number) {
    this.#settings = settings;
    this.hasKeys = settings.limits.some(({ scope }) => scope === "key");
    for (const { name, rate } of settings.limits) this.#rates.set(name, rate);
    this.#strayUntilMs = nowMs + settings.strayMs;
    this.#others = { count: this.#unknownUses(), atMs: this.#strayUntilMs };
    this.all = this.#newLane(null, nowMs);
  }

  /** The cost that every limit as configured allows. */
  get costMax(): number {
    return Math.min(...[...this.#rates.values()].map(({ requests }) => requests));
  }

  /** The lane of a key; null when there are too many keys and all are in use. */
  get(key: string, nowMs: number): LimitLane | null {
    const name = this.hasKeys ? key : "";
    const known = this.#lanes.get(name);
    if (known !== undefined) return known;
    const { keysMax } = this.#settings;
    if (this.#lanes.size >= keysMax) this.forgetIdle(nowMs);
    if (this.#lanes.size >= keysMax) return null;
    const lane = this.#newLane(name, nowMs);
    this.#lanes.set(name, lane);
    return lane;
  }

  /** Every lane, that of all keys first. */
  list(): LimitLane[] {
    return [this.all, ...this.#lanes.values()];
  }

  /** Forgets keys that have used nothing lately. O(keys). */
  forgetIdle(nowMs: number): void {
    for (const [key, lane] of this.#lanes) if (lane.isIdle(nowMs)) this.#lanes.delete(key);
  }

  /**
   * Another rate for the limit of this name, for every key.
   *
   * @throws {RangeError} for a name that is not there.
   */
  setRate(name: string, rate: LimitRate, nowMs: number): void {
    if (!this.#rates.has(name)) {
      throw new RangeError(
        `Cannot set rate: expected one of ${[...this.#rates.keys()].join(", ")}: ` +
          `current value is ${name}`,
      );
    }
    this.#rates.set(name, rate);
    for (const { rings } of this.list()) {
      for (const { name: ringName, ring } of rings) {
        if (ringName === name) ring.setRate(this.#widened(rate), nowMs);
      }
    }
  }

  /** What the provider named as the limit holds, as far as it is below what is configured. */
  heedLimit(lane: LimitLane, limit: number, nowMs: number): void {
    for (const { name, ring, reported } of [...this.all.rings, ...lane.rings]) {
      const rate = this.#rates.get(name);
      if (!reported || rate === undefined) continue;
      const requests = Math.min(rate.requests, limit);
      const { requests: current, windowMs } = ring.rate;
      if (requests !== current) ring.setRate({ requests, windowMs }, nowMs);
    }
  }

  /** What a restart has to know of the lanes. O(slots in use). */
  snapshot(nowMs: number): Pick<LimiterSnapshot, "limits" | "others" | "lanes"> {
    this.forgetIdle(nowMs);
    const lanes = this.list();
    const rings = lanes.reduce((sum, lane) => sum + lane.rings.length, 0);
    return {
      limits: [...this.#rates.keys()],
      others: { count: this.#others.count, ageMs: Math.floor(nowMs - this.#others.atMs) },
      lanes: lanes.map((lane) => snapshotLane(lane, runsPerRing(rings), nowMs)),
    };
  }

  /** Takes a snapshot in, before anything else; returns the ms of pause that go on. */
  restore(snapshot: LimiterSnapshot, elapsedMs: number, nowMs: number): number {
    const { reserved, others, lanes } = snapshot;
    const takenMs = nowMs - elapsedMs;
    this.#strayUntilMs = nowMs + this.#settings.strayMs;
    this.#savedLimits = new Set(snapshot.limits);
    const newUses = reserved + this.#unknownUses();
    this.#others = {
      count: Math.min(RATE_REQUESTS_MAX, others.count + newUses),
      atMs: newUses > 0 ? this.#strayUntilMs : takenMs - others.ageMs,
    };
    this.#lanes.clear();
    this.all = this.#newLane(null, nowMs);
    let pausedMs = 0;
    for (const saved of lanes) {
      if (saved.key !== null && !this.hasKeys) continue;
      const lane = this.#newLane(saved.key, nowMs, { lane: saved, reserved, takenMs });
      if (saved.key === null) this.all = lane;
      else this.#lanes.set(saved.key, lane);
      pausedMs += lane.pause(Math.max(0, saved.pausedMs - elapsedMs), nowMs);
    }
    return pausedMs;
  }

  #newLane(key: string | null, nowMs: number, saved?: SavedLane): LimitLane {
    const scope = key === null ? "all" : "key";
    const rings = this.#settings.limits.filter((limit) => limit.scope === scope).map((limit) => {
      const ring = saved?.lane.rings.find(({ limit: name }) => name === limit.name);
      return {
        name: limit.name,
        ring: saved === undefined || ring === undefined
          ? this.#unknownRing(limit, nowMs)
          : this.#savedRing(limit, ring, saved, nowMs),
        reported: limit.reported,
      };
    });
    return new LimitLane(key, rings);
  }

  #unknownRing(limit: Required<LimitSpec>, nowMs: number): SlotRing {
    const rate = this.#rateOf(limit);
    const ring = new SlotRing(rate);
    const { count, atMs } = this.#savedLimits.has(limit.name)
      ? this.#others
      : { count: limit.begin === "full" ? RATE_REQUESTS_MAX : 0, atMs: this.#strayUntilMs };
    ring.restore([{ atMs, count: Math.min(count, rate.requests) }], nowMs);
    return ring;
  }

  #savedRing(
    limit: LimitSpec,
    saved: RingSnapshot,
    { reserved, takenMs }: SavedLane,
    nowMs: number,
  ): SlotRing {
    const rate = this.#rateOf(limit);
    const ring = new SlotRing({ requests: rate.requests, windowMs: saved.windowMs });
    const runs = saved.ages.map((age, i) => ({
      atMs: takenMs - age,
      count: saved.counts[i] as number,
    }));
    ring.restore(runs, nowMs);
    // May count more than there are slots: nobody knows which uses the reserve has come after.
    ring.stray(saved.inFlight + reserved, nowMs, this.#strayUntilMs);
    if (saved.windowMs !== rate.windowMs) ring.setRate(rate, nowMs);
    return ring;
  }

  #rateOf({ name, rate }: LimitSpec): LimitRate {
    return this.#widened(this.#rates.get(name) ?? rate);
  }

  #widened({ requests, windowMs }: LimitRate): LimitRate {
    return { requests, windowMs: windowMs * (1 + this.#settings.driftRatio) };
  }

  /** What a key may have used of the limits that no snapshot speaks of. */
  #unknownUses(): number {
    const isFull = this.#settings.limits.some(({ name, scope, begin }) =>
      scope === "key" && begin === "full" && !this.#savedLimits.has(name)
    );
    return isFull ? RATE_REQUESTS_MAX : 0;
  }
}

function snapshotLane(lane: LimitLane, runsMax: number, nowMs: number): LaneSnapshot {
  return {
    key: lane.key,
    pausedMs: Math.max(0, Math.ceil(lane.pausedUntilMs - nowMs)),
    rings: lane.rings.map(({ name, ring }) => {
      const { windowMs } = ring.rate;
      const runs = coarseRuns(ring.runs(nowMs), windowMs, runsMax, nowMs);
      return { limit: name, windowMs, inFlight: ring.held, ...runs };
    }),
  };
}
