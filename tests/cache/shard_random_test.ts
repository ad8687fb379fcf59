/**
 * Random schedules of reads, loads, writes, commits and invalidations against a slow twin that knows
 * only this: a value read from the world at a moment misses every change since.
 */

import { assert, assertEquals } from "@std/assert";
import { type Random, seededRandom, VirtualClock } from "../../src/actor/clock.ts";
import {
  CacheShard,
  guardedTier,
  type ShardOptions,
  tierSelection,
} from "../../src/cache/shard.ts";
import { TouchedIndex } from "../../src/cache/touched.ts";
import type {
  Dependency,
  Found,
  LoadAsk,
  Loaded,
  Selection,
  TouchedRange,
} from "../../src/cache/types.ts";
import { seedOf } from "../actor/seed.ts";
import { TestTier, turns } from "./shard_support.ts";

/** The moment at which a value was read from the world. */
interface Read {
  readonly moment: number;
}

interface Links {
  readonly tags: readonly string[];
  readonly dependsOn: readonly Dependency[];
}

interface Made extends Links {
  readonly hasSeq: boolean;
}

interface Call {
  readonly key: string;
  readonly began: number;
  readonly beganMs: number;
  /** Null until the world was read. */
  read: (Links & { readonly moment: number; readonly seq: number }) | null;
  readonly resolve: (loaded: Loaded<Read>) => void;
}

const ask: LoadAsk = { priority: 5, origin: "demand", timeoutMs: 60_000 };
const LOAD_TIMEOUT_MS = 10_000;
const candles = (series: string, fromTs: number, toTs: number): Dependency => ({
  kind: "candles",
  series,
  fromTs,
  toTs,
});

/** What each key is made of; keys of the last kind depend on others. */
const MADE: Readonly<Record<string, Made>> = {
  "a:1": { tags: [], dependsOn: [], hasSeq: false },
  "a:2": { tags: ["red"], dependsOn: [], hasSeq: false },
  "b:1": { tags: ["red", "blue"], dependsOn: [candles("S", 0, 10)], hasSeq: true },
  "b:2": { tags: [], dependsOn: [candles("S", 5, Infinity)], hasSeq: true },
  "b:3": { tags: [], dependsOn: [candles("T", 0, 3), candles("S", 8, 9)], hasSeq: false },
  "c:1": { tags: ["blue"], dependsOn: [{ kind: "levels", instrument: "I" }], hasSeq: false },
  "d:1": { tags: [], dependsOn: [{ kind: "key", key: "a:1" }], hasSeq: false },
  "d:2": { tags: [], dependsOn: [{ kind: "key", key: "b:1" }], hasSeq: false },
  "d:3": { tags: [], dependsOn: [{ kind: "key", key: "d:2" }, candles("T", 2, 4)], hasSeq: true },
};
const KEYS = Object.keys(MADE);

const meets = (made: Dependency, change: Dependency): boolean => {
  if (made.kind === "candles" && change.kind === "candles") {
    return made.series === change.series && made.fromTs < change.toTs &&
      change.fromTs < made.toTs;
  }
  if (made.kind === "levels" && change.kind === "levels") {
    return made.instrument === change.instrument;
  }
  return made.kind === "key" && change.kind === "key" && made.key === change.key;
};

/** The keys that a change is about, by looking at each of them until nothing is added. */
function affected(selection: Selection): Set<string> {
  const { keys = [], patterns = [], tags = [], dependencies = [] } = selection;
  const all = new Set(
    KEYS.filter((key) =>
      keys.includes(key) || patterns.some((pattern) => key.startsWith(pattern.slice(0, -1))) ||
      MADE[key]?.tags.some((tag) => tags.includes(tag)) ||
      MADE[key]?.dependsOn.some((made) => dependencies.some((change) => meets(made, change)))
    ),
  );
  for (let size = -1; size !== all.size;) {
    size = all.size;
    for (const key of KEYS) {
      const on = MADE[key]?.dependsOn ?? [];
      if (on.some((one) => one.kind === "key" && all.has(one.key))) all.add(key);
    }
  }
  return all;
}

class World {
  readonly clock = new VirtualClock(0);
  readonly tier = new TestTier();
  readonly guarded = guardedTier(this.tier);
  readonly touched = new TouchedIndex();
  readonly calls: Call[] = [];
  readonly pending: Promise<void>[] = [];
  readonly shard: CacheShard<Read>;
  readonly #random: Random;
  moment = 1;
  seq = 1;
  /** Moment of the last change of each key. */
  readonly changed = new Map<string, number>();
  flushedAt = 0;
  values = 0;

  constructor(random: Random, options: Partial<ShardOptions<Read>>) {
    this.#random = random;
    this.tier.isManual = true;
    this.shard = new CacheShard<Read>({
      index: 0,
      entriesMax: 5,
      weightMaxBytes: Infinity,
      policy: "lru",
      clock: this.clock,
      random,
      ttl: () => ({ softTtlMs: 20_000, hardTtlMs: 40_000, staleIfErrorMs: 20_000 }),
      load: (key) => this.#load(key),
      loadTimeoutMs: LOAD_TIMEOUT_MS,
      secondTier: this.guarded,
      isTouched: (dependency, afterSeq) => this.touched.isTouched(dependency, afterSeq),
      ...options,
    });
  }

  below(n: number): number {
    return Math.floor(this.#random.next() * n);
  }

  key(): string {
    return KEYS[this.below(KEYS.length)] as string;
  }

  #load(key: string): Promise<Loaded<Read>> {
    const began = this.moment;
    const nowMs = this.clock.now();
    const twin = this.calls.find((call) =>
      call.key === key && call.began >= (this.changed.get(key) ?? 0) &&
      call.began > this.flushedAt && nowMs < call.beganMs + LOAD_TIMEOUT_MS
    );
    // A value that comes too late for who asked after a change is loaded once more, and only then.
    assert(twin === undefined, `two loads of ${key} at once`);
    return new Promise((resolve) =>
      this.calls.push({ key, began, beganMs: nowMs, read: null, resolve })
    );
  }

  /** What a key is made of: of what the shard does not know, the loader says what that is made of. */
  links(key: string): Links {
    const { tags, dependsOn } = MADE[key] as Made;
    const others = dependsOn.flatMap((one) => {
      if (one.kind !== "key") return [];
      const { tier, ...known } = this.shard.explain(one.key);
      const isKnown = tier === "l1" || known.tags.length + known.dependsOn.length > 0;
      return isKnown ? [] : [this.links(one.key)];
    });
    return {
      tags: [...tags, ...others.flatMap((one) => one.tags)],
      dependsOn: [...dependsOn, ...others.flatMap((one) => one.dependsOn)],
    };
  }

  /** A load goes on: it reads the world, or ends. */
  async goOn(): Promise<void> {
    if (this.calls.length === 0) return;
    const at = this.below(this.calls.length);
    const call = this.calls[at] as Call;
    if (call.read === null) {
      call.read = { moment: this.moment, seq: this.seq, ...this.links(call.key) };
      return;
    }
    this.calls.splice(at, 1);
    const { key, read } = call;
    const { hasSeq } = MADE[key] as Made;
    const { tags, dependsOn } = read;
    const chance = this.below(10);
    if (chance === 0) {
      const failure = { code: "x", message: "x", retryAfterMs: null };
      call.resolve({ state: "failed", failure });
    } else {
      const value = { moment: read.moment };
      call.resolve({ state: "ok", value, tags, dependsOn, ...(hasSeq ? { seq: read.seq } : {}) });
    }
    await turns();
  }

  /** A value of before `asked` may not miss a change of before `asked`. */
  check(key: string, changedAt: number, found: Found<Read> | null, how: string): void {
    if (found === null || !("value" in found)) return;
    this.values++;
    const { moment } = found.value;
    assert(
      moment >= changedAt,
      `${how} of ${key}: read at ${moment}, changed at ${changedAt}, now ${this.moment}`,
    );
  }

  get(): void {
    const key = this.key();
    const changedAt = this.changed.get(key) ?? 0;
    const value = this.shard.peek(key);
    if (value !== undefined) {
      const found = { state: "fresh", value, tier: "l1", ageMs: 0 } as const;
      this.check(key, changedAt, found, "peek");
      return;
    }
    const kind = this.below(2);
    if (kind === 0) {
      this.pending.push(
        this.shard.load(key, ask).then((found) => this.check(key, changedAt, found, "load")),
      );
      return;
    }
    const keys = [key, this.key(), this.key()];
    const at = keys.map((one) => this.changed.get(one) ?? 0);
    this.pending.push(
      this.shard.getMany(keys, ask).then((all) =>
        all.forEach((found, i) => this.check(keys[i] as string, at[i] as number, found, "getMany"))
      ),
    );
  }

  change(selection: Selection): void {
    this.#changed(affected(selection));
    const gone = this.shard.invalidate(selection);
    void this.guarded.invalidate(tierSelection(selection, gone));
  }

  #changed(keys: Iterable<string>): void {
    this.moment++;
    for (const key of keys) this.changed.set(key, this.moment);
  }

  commit(): void {
    const fromTs = this.below(12);
    const range: TouchedRange = {
      series: this.below(2) === 0 ? "S" : "T",
      fromTs,
      toTs: fromTs + 1 + this.below(3),
    };
    this.#changed(affected({ dependencies: [{ kind: "candles", ...range }] }));
    this.seq++;
    this.touched.add(this.seq, [range]);
    this.shard.touched(this.seq, [range]);
  }

  set(): void {
    const key = this.key();
    const { hasSeq } = MADE[key] as Made;
    const { tags, dependsOn } = this.links(key);
    this.#changed([key, ...affected({ dependencies: [{ kind: "key", key }] })]);
    const more = hasSeq ? { seq: this.seq } : {};
    this.shard.set(key, { moment: this.moment }, { tags, dependsOn, ...more });
  }

  selection(): Selection {
    const fromTs = this.below(12);
    const all: Selection[] = [
      { keys: [this.key()] },
      { patterns: [`${"abcd"[this.below(4)]}:*`] },
      { tags: [this.below(2) === 0 ? "red" : "blue"] },
      { dependencies: [candles("S", fromTs, fromTs + 1)] },
      { dependencies: [{ kind: "levels", instrument: "I" }] },
      { dependencies: [{ kind: "key", key: this.key() }] },
    ];
    return all[this.below(all.length)] as Selection;
  }

  async stepTier(): Promise<void> {
    const { waiting } = this.tier;
    if (waiting.length === 0) return;
    // In any order.
    const [step] = waiting.splice(this.below(waiting.length), 1);
    step?.();
    await turns();
  }

  async step(): Promise<void> {
    const chance = this.below(1_000);
    if (chance < 350) this.get();
    else if (chance < 650) await this.goOn();
    else if (chance < 850) await this.stepTier();
    else if (chance < 870) this.change(this.selection());
    else if (chance < 900) this.commit();
    else if (chance < 915) this.set();
    else if (chance < 980) this.clock.advance(this.below(4_000));
    else if (chance < 996) this.shard.expire();
    else if (chance < 998) {
      this.shard.flush();
      this.flushedAt = this.moment++;
    } else this.shard.dropCandleEntries(this.seq);
    await turns();
  }
}

async function run(steps: number, seed: number, options: Partial<ShardOptions<Read>>) {
  const world = new World(seededRandom(seed), options);
  for (let i = 0; i < steps; i++) {
    await world.step();
    if (i % 50 === 0) world.shard.invariant();
  }
  while (world.calls.length > 0 || world.tier.waiting.length > 0) {
    await world.goOn();
    await world.stepTier();
  }
  world.shard.close();
  await Promise.all(world.pending);
  // What was promised is kept: everybody who asked was answered, and often with a value.
  assert(world.values > steps / 10, `only ${world.values} values`);
  assertEquals(world.shard.status().flights, 0);
  return world;
}

Deno.test("CacheShard never answers with a value older than a change of before the question", async () => {
  const seed = seedOf("shard random");
  await run(4_000, seed, {});
  await run(2_000, seed + 1, { secondTier: null });
  await run(2_000, seed + 2, { entriesMax: 100, policy: "adaptive" });
});
