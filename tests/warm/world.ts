/**
 * A small world for warming: a cache that is a map, an upstream that takes its time, and users.
 *
 * @module
 */

import { seededRandom, VirtualClock } from "../../src/actor/clock.ts";
import type { MakeSources } from "../../src/warm/sources.ts";
import type { Access, MarketEvent, WarmOutcome } from "../../src/warm/types.ts";
import {
  type KeyTtl,
  type WarmAsk,
  Warming,
  type WarmingOptions,
  type WarmingOverrides,
  type WarmingPorts,
} from "../../src/warm/warming.ts";

/** Tuesday 2026-03-03, 10:00 in New York. */
export const START_MS = Date.UTC(2026, 2, 3, 15);

const LOAD_MS = 200;
const TICK_MS = 1_000;

/** What a load said. */
export interface WorldCall {
  readonly keys: readonly string[];
  readonly ask: WarmAsk;
  readonly atMs: number;
}

/** See the head of this file. */
export class World {
  readonly clock: VirtualClock;
  readonly calls: WorldCall[] = [];
  readonly entries = new Map<string, { softAtMs: number; hardAtMs: number }>();
  readonly ports: WarmingPorts;
  warming: Warming;
  isDown = false;
  callsLeft: number | null = null;
  outcome: WarmOutcome = "loaded";
  events: readonly MarketEvent[] = [];
  ttl: (key: string) => KeyTtl = () => ({ freshMs: 60_000, servedMs: 120_000 });
  keysPerCall = 50;
  weightBytes = 1_000;
  /** Accesses by how they were answered. */
  readonly answers = { fresh: 0, stale: 0, waited: 0 };

  constructor(
    settings: WarmingOverrides = {},
    more: {
      readonly seed?: number;
      readonly startMs?: number;
      readonly sources?: MakeSources;
    } = {},
  ) {
    const { seed = 1, startMs = START_MS, sources } = more;
    this.clock = new VirtualClock(0, startMs);
    this.ports = {
      nowMs: () => this.nowMs,
      load: (keys, ask) => this.#load(keys, ask),
      freshLeftMs: (key) => (this.entries.get(key)?.softAtMs ?? 0) - this.nowMs,
      ttlMs: (key) => this.ttl(key),
      keysPerCall: () => this.keysPerCall,
      callsLeft: () => this.callsLeft,
      isDown: () => this.isDown,
      marketOf: () => ({ calendar: "always", sector: null }),
      events: () => this.events,
    };
    this.warming = this.started({ keysMax: 1_000, ...settings }, seed, sources);
  }

  /** Another warming in the same world. */
  started(settings: WarmingOverrides, seed = 1, sources?: MakeSources): Warming {
    const options: WarmingOptions = {
      ports: this.ports,
      random: seededRandom(seed),
      nowMs: this.nowMs,
      settings,
      ...(sources === undefined ? {} : { sources }),
    };
    return this.warming = new Warming(options);
  }

  get nowMs(): number {
    return this.clock.wallNow();
  }

  /** Somebody asks for a key; what is not there is loaded at once. */
  access(key: string, user: string | null = null): void {
    const entry = this.entries.get(key);
    const atMs = this.nowMs;
    const answer: Access["answer"] = entry === undefined || atMs >= entry.hardAtMs
      ? "waited"
      : atMs < entry.softAtMs
      ? "fresh"
      : "stale";
    this.answers[answer]++;
    this.warming.accessed({ key, atMs, answer, user });
    // Stale is served, and renewed behind.
    if (answer !== "fresh") this.store(key, null);
  }

  /** The cache gets a value. */
  store(key: string, ask: WarmAsk | null): void {
    const atMs = this.nowMs;
    const { freshMs, servedMs } = this.ttl(key);
    const times = { softAtMs: atMs + freshMs, hardAtMs: atMs + servedMs };
    this.entries.set(key, times);
    const strategy = ask === null ? null : ask.origin.slice("warm:".length) as "popular";
    this.warming.stored({ key, atMs, ...times, weightBytes: this.weightBytes, strategy });
  }

  /** Time passes, second by second. */
  async pass(ms: number, eachSecond: () => void = () => {}): Promise<void> {
    for (let leftMs = ms; leftMs > 0; leftMs -= TICK_MS) {
      this.clock.advance(Math.min(TICK_MS, leftMs));
      for (let turn = 0; turn < 6; turn++) await Promise.resolve();
      eachSecond();
      this.warming.tick(this.nowMs);
    }
  }

  #load(keys: readonly string[], ask: WarmAsk): Promise<readonly WarmOutcome[]> {
    this.calls.push({ keys, ask, atMs: this.nowMs });
    return new Promise((resolve) => {
      this.clock.setTimer(LOAD_MS, () => {
        const { outcome } = this;
        if (outcome === "loaded") { for (const key of keys) this.store(key, ask); }
        resolve(keys.map(() => outcome));
      });
    });
  }
}
