/**
 * Loads of a shard: one for each key, from the second tier or from upstream, and what becomes of what
 * they bring.
 *
 * ## Never older than asked for
 * A value is kept only when nothing that it was made of changed since its load began. It is given to
 * those who asked before the change; who asked after it waits for one more load, which began after
 * it too. See `shard_generations.ts` for what is known of changes.
 *
 * @module
 */

import { Counter } from "./counts.ts";
import { type Flight, type Purpose, type Waiter, WAITERS_PER_FLIGHT_MAX } from "./flights.ts";
import { ShardAnswers } from "./shard_answers.ts";
import { broken, closed, outdated, overload, timeout, unfit } from "./shard_failures.ts";
import type { Coming, FromTier, MadeOf, Shielded } from "./shard_keeper.ts";
import type { ShardParts } from "./shard_parts.ts";
import { TierReads } from "./shard_tier_reads.ts";
import type {
  Dependency,
  Found,
  LoadAsk,
  Loaded,
  LoadFailure,
  Origin,
  SecondTier,
  TierEntry,
} from "./types.ts";

const LOAD_COUNTERS: Readonly<Record<Purpose, number>> = {
  demand: Counter.demandLoad,
  refresh: Counter.refreshLoad,
  warm: Counter.warmLoad,
};

/** What a flight begins for. */
interface Start {
  readonly key: string;
  readonly type: number;
  readonly origin: Origin;
  readonly priority: number;
}

const NONE: readonly never[] = [];

const URGENCY: Readonly<Record<Purpose, number>> = { warm: 0, refresh: 1, demand: 2 };

/** See the head of this file. */
export class ShardLoads<V> {
  readonly #parts: ShardParts<V>;
  readonly #answers: ShardAnswers<V>;
  readonly #tierReads: TierReads;
  /** Callers who gave up waiting. */
  waitsEnded = 0;
  /** Entries of the second tier that were outdated. */
  tierOutdated = 0;

  /** None under way. */
  constructor(parts: ShardParts<V>) {
    this.#parts = parts;
    this.#answers = new ShardAnswers(parts);
    this.#tierReads = new TierReads(parts.settings);
  }

  /** Reads of the second tier that did not end in time. */
  get tierTimeouts(): number {
    return this.#tierReads.timeouts;
  }

  /**
   * The answer of a load of a key that is not there, joined or begun; one that begins is added to
   * `begun`, and the caller starts them all with {@linkcode ShardLoads.start}.
   */
  request(key: string, ask: LoadAsk, begun: Flight<V>[]): Promise<Found<V>> {
    const { counts, flights } = this.#parts;
    const isCounted = ask.origin === "demand";
    const type = counts.typeOf(key);
    const known = this.known(key);
    if (known !== null) {
      if (isCounted) counts.add(type, known.state === "stale" ? Counter.stale : Counter.negative);
      return Promise.resolve(known);
    }
    const joined = flights.get(key);
    const flight = joined ?? this.#begin({ key, type, ...ask });
    if (flight === null || flight.waiters.length >= WAITERS_PER_FLIGHT_MAX) {
      if (isCounted) counts.add(type, Counter.refused);
      return Promise.resolve(this.#answers.instead(key, overload(key)));
    }
    if (joined === undefined) begun.push(flight);
    else this.#raise(joined, ask);
    if (isCounted) counts.add(type, joined === undefined ? Counter.miss : Counter.joined);
    return this.#wait(flight, ask, isCounted);
  }

  /** What is remembered of a key instead of a value; a value past its end where its loads fail. */
  known(key: string): Found<V> | null {
    const { negatives, settings } = this.#parts;
    const negative = negatives.get(key, settings.time.now());
    if (negative === null || negative.state === "missing") return negative;
    return this.#answers.instead(key, negative);
  }

  /** Renews an entry behind its readers, unless that is under way, failed just now, or no room. */
  renew(key: string, type: number, priority: number): void {
    const { flights, negatives, settings } = this.#parts;
    const joined = flights.get(key);
    if (joined !== undefined) {
      this.#raise(joined, { priority, origin: "refresh" });
      return;
    }
    if (negatives.get(key, settings.time.now()) !== null) return;
    const flight = this.#begin({ key, type, origin: "refresh", priority });
    if (flight !== null) this.#upstream(flight);
  }

  #begin({ key, type, origin, priority }: Start): Flight<V> | null {
    const { flights, generations, settings } = this.#parts;
    const { clock, secondTier } = settings;
    const purpose = purposeOf(origin);
    const timeoutMs = this.#timeoutMs(purpose);
    const mark = generations.current;
    const endsAtMs = clock.now() + timeoutMs;
    const tierMark = secondTier?.mark() ?? null;
    const flight = flights.begin(
      { key, type, origin, priority, purpose, mark, tierMark, endsAtMs },
    );
    if (flight === null) return null;
    flight.cancel = clock.setTimer(timeoutMs, () => this.#abandon(flight));
    return flight;
  }

  #timeoutMs(purpose: Purpose): number {
    const { loadTimeoutMs, renewalTimeoutMs, aheadTimeoutMs } = this.#parts.settings;
    return { demand: loadTimeoutMs, refresh: renewalTimeoutMs, warm: aheadTimeoutMs }[purpose];
  }

  /** A load that somebody joins is as urgent as the most urgent of those who want it. */
  #raise(flight: Flight<V>, { priority, origin }: Pick<LoadAsk, "priority" | "origin">): void {
    const { settings } = this.#parts;
    const purpose = purposeOf(origin);
    const isMoreUrgent = URGENCY[purpose] > URGENCY[flight.urgency];
    if (priority <= flight.priority && !isMoreUrgent) return;
    flight.priority = Math.max(flight.priority, priority);
    if (isMoreUrgent) {
      flight.urgency = purpose;
      // What was begun ahead of need may take longer than anybody waits.
      if (flight.purpose === "warm") this.#endSooner(flight, this.#timeoutMs(purpose));
    }
    settings.raise?.(flight.key, flight.priority, origin);
  }

  #endSooner(flight: Flight<V>, timeoutMs: number): void {
    const { clock } = this.#parts.settings;
    const endsAtMs = clock.now() + timeoutMs;
    if (endsAtMs >= flight.endsAtMs) return;
    flight.cancel?.();
    flight.endsAtMs = endsAtMs;
    flight.cancel = clock.setTimer(timeoutMs, () => this.#abandon(flight));
  }

  #wait(
    flight: Flight<V>,
    { timeoutMs, origin }: LoadAsk,
    isCounted: boolean,
  ): Promise<Found<V>> {
    const { generations, settings } = this.#parts;
    const { loadTimeoutMs, aheadTimeoutMs } = settings;
    const waitMaxMs = purposeOf(origin) === "warm" ? aheadTimeoutMs : loadTimeoutMs;
    const { promise, resolve } = Promise.withResolvers<Found<V>>();
    const sinceMs = settings.clock.now();
    const waiter: Waiter<V> = {
      resolve,
      sinceMs,
      endsAtMs: sinceMs + Math.min(timeoutMs, waitMaxMs),
      mark: generations.current,
      seq: generations.seq,
      isCounted,
      isAgain: false,
      isOver: false,
      cancel: null,
    };
    this.#attach(flight, waiter);
    return promise;
  }

  #attach(flight: Flight<V>, waiter: Waiter<V>): void {
    flight.waiters.push(waiter);
    if (waiter.cancel !== null || waiter.endsAtMs >= flight.endsAtMs) return;
    const { clock } = this.#parts.settings;
    waiter.cancel = clock.setTimer(Math.max(0, waiter.endsAtMs - clock.now()), () => {
      if (waiter.isOver) return;
      this.waitsEnded++;
      this.#answers.give(flight, waiter, this.#answers.instead(flight.key, timeout(flight.key)));
    });
  }

  // ---- on their way -------------------------------------------------------------------------------

  /** Starts loads that have begun: the second tier is read once for all of them. */
  start(flights: readonly Flight<V>[]): void {
    const { secondTier } = this.#parts.settings;
    const forTier: Flight<V>[] = [];
    for (const flight of flights) {
      if (secondTier === null || this.#isHeld(flight.key)) this.#upstream(flight);
      else forTier.push(flight);
    }
    if (secondTier !== null && forTier.length > 0) void this.#readTier(secondTier, forTier);
  }

  /** What the shard holds the tier holds too: whoever loads it all the same wants a newer one. */
  #isHeld(key: string): boolean {
    const { table, settings } = this.#parts;
    const slot = table.cache.locate(key);
    return slot >= 0 && settings.time.now() < (table.columns.hardAtMs[slot] as number);
  }

  async #readTier(tier: SecondTier, flights: readonly Flight<V>[]): Promise<void> {
    const entries = await this.#tierReads.getMany(tier, flights.map(({ key }) => key));
    flights.forEach((flight, i) => {
      if (flight.isOver) return;
      flight.mayBeInTier = entries === null;
      const entry = entries?.[i] ?? null;
      try {
        if (entry !== null && this.#promoted(flight, entry)) return;
      } catch (error) {
        return this.#broke(flight, error);
      }
      this.#upstream(flight);
    });
  }

  #promoted(flight: Flight<V>, entry: TierEntry): boolean {
    const { counts, generations, keeper, settings } = this.#parts;
    const from = keeper.fromTier(entry);
    if (from === null) return false;
    const isStale = from.softLeftMs <= 0;
    if (isStale && !settings.staleWhileRevalidate) return false;
    if (generations.isBehind(from.made) || generations.isChanged(from.made, flight.mark)) {
      this.tierOutdated++;
      return false;
    }
    this.#parts.flights.end(flight);
    if (flight.waiters.some(({ isCounted }) => isCounted)) {
      counts.add(flight.type, Counter.secondTier);
    }
    if (!flight.isDetached) this.#promote(flight, from, isStale);
    for (const waiter of flight.waiters) {
      this.#answers.give(flight, waiter, {
        state: isStale ? "stale" : "loaded",
        value: this.#answers.handedOut(from.shielded),
        tier: "l2",
        ageMs: from.ageMs,
      });
    }
    return true;
  }

  #promote({ key, type }: Flight<V>, from: FromTier<V>, isStale: boolean): void {
    const { keeper, settings } = this.#parts;
    if (keeper.promote(key, from) && isStale) this.renew(key, type, settings.renewalPriority);
  }

  #upstream(flight: Flight<V>): void {
    const { load, clock } = this.#parts.settings;
    const { key, priority, purpose, urgency } = flight;
    // Somebody may have begun to wait while the second tier was read.
    const origin = urgency === purpose || urgency === "warm" ? flight.origin : urgency;
    let loading: Promise<Loaded<V>>;
    try {
      // The second tier has had some of it.
      const timeoutMs = Math.max(1, flight.endsAtMs - clock.now());
      loading = load(key, { priority, origin, timeoutMs, lostInMs: this.#lostInMs(key) });
    } catch (error) {
      loading = Promise.reject(error);
    }
    loading.then(
      (loaded) => this.#came(flight, loaded),
      (error) => this.#landed(flight, broken(key, error)),
    );
  }

  /** How long the value that is there is served yet; null: there is none. */
  #lostInMs(key: string): number | null {
    const { table: { cache, columns }, settings } = this.#parts;
    const slot = cache.locate(key);
    return slot < 0 ? null : Math.max(0, (columns.hardAtMs[slot] as number) - settings.time.now());
  }

  /** What came with others is put in with them. */
  #came(flight: Flight<V>, loaded: Loaded<V>): void {
    const { together } = loaded;
    if (together === undefined) return this.#landed(flight, loaded);
    this.#parts.settings.groups.arrived(together, () => this.#landed(flight, loaded));
  }

  // ---- what becomes of them -----------------------------------------------------------------------

  #landed(flight: Flight<V>, loaded: Loaded<V>): void {
    const { counts, flights } = this.#parts;
    if (!flights.end(flight)) return;
    counts.add(flight.type, LOAD_COUNTERS[flight.purpose]);
    try {
      switch (loaded.state) {
        case "ok":
          return this.#arrived(flight, loaded);
        case "missing":
          return this.#missing(flight, loaded);
        case "failed":
          return this.#failed(flight, loaded.failure);
      }
    } catch (error) {
      this.#broke(flight, error);
    }
  }

  /** Something handed in broke its promise, as a TTL that is none: nobody may wait for ever. */
  #broke(flight: Flight<V>, error: unknown): void {
    this.#parts.flights.end(flight);
    this.#failed(flight, broken(flight.key, error).failure);
  }

  #arrived(flight: Flight<V>, loaded: Extract<Loaded<V>, { state: "ok" }>): void {
    const { keeper } = this.#parts;
    const { dependsOn = NONE as readonly Dependency[], tags = NONE, seq = null } = loaded;
    const made: MadeOf = { dependsOn, tags, seq };
    let shielded: Shielded<V>;
    try {
      shielded = keeper.shield(loaded.value, tags);
    } catch (error) {
      return this.#failed(flight, unfit(flight.key, error).failure);
    }
    this.#give(
      flight,
      made,
      () => this.#keep(flight, shielded, made),
      () => this.#answers.loaded(shielded),
    );
  }

  /** Keeps what came unless it is outdated, and gives it to those who asked before it was. */
  #give(flight: Flight<V>, made: MadeOf, keep: () => void, found: () => Found<V>): void {
    const { counts, generations } = this.#parts;
    const isBehind = generations.isBehind(made);
    const isChanged = generations.isChanged(made, flight.mark);
    if (flight.isDetached || isBehind || isChanged) counts.add(flight.type, Counter.outdated);
    else keep();
    const isRecent = ({ mark, seq }: Waiter<V>) =>
      (!isChanged || mark <= flight.mark) && (!isBehind || (made.seq ?? -Infinity) >= seq);
    const tooOld: Waiter<V>[] = [];
    for (const waiter of flight.waiters) {
      if (waiter.isOver) continue;
      if (!isRecent(waiter)) tooOld.push(waiter);
      else this.#answers.give(flight, waiter, found());
    }
    if (tooOld.length > 0) this.#again(flight, tooOld);
  }

  #keep(
    { key, origin, waiters, tierMark }: Flight<V>,
    shielded: Shielded<V>,
    made: MadeOf,
  ): void {
    const { keeper, negatives } = this.#parts;
    const coming: Coming<V> = {
      key,
      shielded,
      made,
      ttl: keeper.ttl(key),
      origin,
      // Who asked for it is no second reader; who came while it was loaded ahead of need is one.
      wasUsed: origin !== "demand" && waiters.some(({ isCounted }) => isCounted),
    };
    negatives.forget(key);
    keeper.put(coming);
    keeper.toTier([coming], tierMark);
  }

  /** One more load for those who asked after a change that this one missed. */
  #again({ key, type, priority }: Flight<V>, waiters: readonly Waiter<V>[]): void {
    const { flights } = this.#parts;
    const first: Waiter<V>[] = [];
    for (const waiter of waiters) {
      if (waiter.isAgain) this.#answers.give({ type }, waiter, outdated(key));
      else first.push(waiter);
    }
    if (first.length === 0) return;
    const under = flights.get(key);
    const next = under ?? this.#begin({ key, type, origin: "demand", priority });
    for (const waiter of first) {
      waiter.isAgain = true;
      if (next === null) this.#answers.give({ type }, waiter, overload(key));
      else this.#attach(next, waiter);
    }
    if (next !== null && under === undefined) this.#upstream(next);
  }

  #missing(
    flight: Flight<V>,
    { dependsOn = NONE, seq }: Extract<Loaded<V>, { state: "missing" }>,
  ): void {
    const { counts, negatives, settings, table, ended } = this.#parts;
    const { key, type, mayBeInTier } = flight;
    counts.add(type, Counter.missing);
    const remember = () => {
      ended(key, mayBeInTier);
      negatives.addMissing(key, settings.time.now());
      table.rememberAbsent(key, dependsOn);
    };
    this.#give(
      flight,
      { dependsOn, tags: NONE, seq: seq ?? null },
      remember,
      () => ({ state: "missing" }),
    );
  }

  #failed(flight: Flight<V>, failure: LoadFailure): void {
    const { counts, negatives, settings } = this.#parts;
    const { key, type, isDetached } = flight;
    counts.add(type, Counter.failure);
    // Who is refused for want of room depends on who asks: a higher priority may be let in at once.
    const isOfKey = failure.code !== "overload";
    if (!isDetached && isOfKey) negatives.addFailed(key, failure, settings.time.now());
    // Each gets a value of its own.
    for (const waiter of flight.waiters) {
      this.#answers.give(flight, waiter, this.#answers.instead(key, { state: "failed", failure }));
    }
  }

  #abandon(flight: Flight<V>): void {
    const { counts, flights } = this.#parts;
    if (!flights.end(flight)) return;
    counts.add(flight.type, LOAD_COUNTERS[flight.purpose]);
    counts.add(flight.type, Counter.abandoned);
    this.#failed(flight, timeout(flight.key).failure);
  }

  /** The key has another value now: its load is not kept, and who waits for it has the new one. */
  overtake(key: string, shielded: Shielded<V>): void {
    const { flights } = this.#parts;
    const flight = flights.get(key);
    if (flight === undefined) return;
    flights.detach(flight);
    for (const waiter of flight.waiters) {
      this.#answers.give(flight, waiter, this.#answers.loaded(shielded, "l1"));
    }
  }

  /** Nobody gets an answer any more but this. */
  close(): void {
    const { flights } = this.#parts;
    this.#tierReads.close();
    for (const flight of [...flights]) {
      flights.end(flight);
      this.#answers.giveAll(flight, closed(flight.key));
    }
  }
}

function purposeOf(origin: Origin): Purpose {
  if (origin === "refresh") return "refresh";
  return origin.startsWith("warm:") ? "warm" : "demand";
}
