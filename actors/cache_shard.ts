/**
 * One shard of the cache as an actor: it owns the table and the loads, and puts itself into the router's
 * cell, so that hits need no message. What it decides stands in `src/cache/shard.ts`.
 *
 * ## Where values come from
 * - `price`, `news`, `fundamentals`, `profile`, `dividends`, `prices`: the provider, which groups keys
 *   that are wanted at the same time into calls
 * - `label`: computed by the label pool, which starts later and so answers by message
 * - `levels`, `correlation`: the store; blocks of correlations are put in by the aggregator
 * - any other kind: nowhere; it is there when somebody puts it in
 *
 * ## Restart
 * The table is lost with the incarnation; the second tier and the router's knowledge of commits stay.
 *
 * @module
 */

import {
  actor,
  type Clock,
  type Context,
  type Ref,
  type TellRef,
  textOf,
} from "../src/actor/mod.ts";
import type { CacheRouter } from "../src/cache/router.ts";
import type { LoadGroups } from "../src/cache/load_groups.ts";
import { CoarseClock } from "../src/cache/coarse_clock.ts";
import type { PriceVolatility } from "../src/cache/price_volatility.ts";
import { ENTRIES_MAX } from "../src/cache/arena.ts";
import {
  CacheShard as ShardTable,
  type ShardBounds,
  type ShardOptions,
} from "../src/cache/shard.ts";
import type { SteadyWall } from "../src/cache/shard_tier.ts";
import type { LoadAsk, Loaded, LoaderAsk, LoadFailure, Origin } from "../src/cache/types.ts";
import { LABEL_KIND, labelsOfKey } from "../src/label/label_key.ts";
import {
  CORRELATION_BARS_MAX,
  CORRELATION_BARS_MIN,
  correlationOf,
} from "../src/market/correlation.ts";
import { isSeries, parseSeries } from "../src/market/series.ts";
import type { KnobAnswer } from "../src/monitor/tuning_view.ts";
import { cacheLinger, keyRequest, PROVIDER_KEY_KINDS } from "../src/provider/cache_request.ts";
import { isBlockKey } from "../src/refresh/block_values.ts";
import type { GroupedResult } from "../src/provider/grouped_ports.ts";
import type { QuoteValue } from "../src/provider/values.ts";
import { levels } from "../src/store/records.ts";
import type { LabelPool, Store } from "./protocols.ts";
import type { Provider } from "./protocols_batch.ts";
import {
  type CachedLabels,
  CacheShard,
  type CacheValue,
  type ComputedLabels,
} from "./protocols_cache.ts";

/** How a shard is set up. */
export interface CacheShardArgs {
  /** Its index among the shards. */
  readonly index: number;
  /** Where it puts its table. */
  readonly router: CacheRouter<CacheValue>;
  /** How much it holds: changed by messages, and kept by whoever starts it over a restart. */
  readonly bounds: { entriesMax: number; weightMaxBytes: number };
  /** Policy, TTLs, second tier. */
  readonly options: Omit<
    ShardOptions<CacheValue>,
    | "entriesMax"
    | "weightMaxBytes"
    | "index"
    | "keys"
    | "wall"
    | "groups"
    | "clock"
    | "random"
    | "load"
    | "now"
  >;
  /** Times of the second tier, for all shards of the process. */
  readonly wall: (clock: Clock) => SteadyWall;
  /** Holds back what came in one call, for all shards of the isolate. */
  readonly groups: (clock: Clock) => LoadGroups;
  /** Who knows the market; null = nobody: its kinds are then only what is put in. */
  readonly provider: Ref<typeof Provider.definition> | null;
  /** Told of the prices that are loaded; null = nobody wants to know. */
  readonly volatility: PriceVolatility | null;
  readonly store: Ref<typeof Store.definition>;
  /** Who computes labels. */
  readonly pool: TellRef<typeof LabelPool.definition>;
}

/** How old the time of a hit may be, ms: reading the machine's clock costs as much as a hit. */
const CLOCK_MS = 1;
/** Between two sweeps of what is past its time. */
const EXPIRE_EVERY_MS = 1_000;
/** What came of a call for shards of one isolate is seen at once. */
const TOGETHER = "cache";
/** Labels asked for and not there yet; more are told to come again. */
const COMPUTING_MAX = 1_024;
const ANSWER = { timeoutMs: 60_000 } as const;
/** Entries that make room in one turn when a shard becomes smaller: some 0.3 ms. */
const EVICTIONS_PER_TURN = 1_024;

/** See {@linkcode CacheShard}. */
export const cacheShard = actor(CacheShard, (ctx, args: CacheShardArgs) => {
  const { index, router, options, bounds } = args;
  const source = new Source(ctx, args);
  const coarse = new CoarseClock(ctx.clock, CLOCK_MS);
  const table = new ShardTable<CacheValue>({
    ...options,
    ...bounds,
    index,
    keys: router.keysOf(index),
    wall: args.wall(ctx.clock),
    clock: ctx.clock,
    random: ctx.random,
    time: coarse,
    load: (key, ask) => source.load(key, ask),
    raise: (key, priority, origin) => source.raise(key, priority, origin),
    groups: args.groups(ctx.clock),
  });
  const detach = router.attach(index, table);
  ctx.onStop(() => {
    detach();
    table.close();
    coarse.close();
  });
  let isShrinking = false;
  const shrink = () => {
    isShrinking = !table.resize(bounds, EVICTIONS_PER_TURN);
    if (isShrinking) ctx.self.tell("shrink", {});
  };
  ctx.timer("expire", { delayMs: EXPIRE_EVERY_MS, everyMs: EXPIRE_EVERY_MS }, "expire", {});
  return {
    load: ({ key, ask }) => deferred(ctx, table.load(key, ask)),
    loadMany: ({ keys, ask }) => deferred(ctx, table.loadMany(keys, ask)),
    computed: (computed) => source.computed(computed),
    explain: ({ key }) => table.explain(key),
    drop: async ({ keys }) => {
      const { removed } = await router.invalidate({ keys });
      return removed;
    },
    protect: ({ pattern }) => {
      router.protect(pattern);
      return null;
    },
    unprotect: ({ pattern }) => {
      router.unprotect(pattern);
      return null;
    },
    status: () => table.status(),
    resize: (wished): KnobAnswer => {
      const reason = boundsProblem(wished);
      if (reason !== null) return { state: "refused", reason };
      Object.assign(bounds, wished);
      shrink();
      return { state: "set" };
    },
    expire: () => {
      table.expire();
    },
    shrink: () => {
      // Two changes in a row leave a message too many.
      if (isShrinking) shrink();
    },
  };
});

/** Why a shard cannot hold so much; null when it can. */
function boundsProblem({ entriesMax, weightMaxBytes }: ShardBounds): string | null {
  const isWithin = Number.isInteger(entriesMax) && entriesMax >= 1 && entriesMax <= ENTRIES_MAX &&
    Number.isSafeInteger(weightMaxBytes) && weightMaxBytes >= 1;
  if (isWithin) return null;
  return `Cannot resize the shard: expected 1 to ${ENTRIES_MAX} entries and at least 1 byte: ` +
    `current values are ${entriesMax} and ${weightMaxBytes}`;
}

/** Not awaited in the message: a shard goes on while its loads are under way. */
function deferred<T>(ctx: Context<typeof CacheShard.definition>, result: Promise<T>) {
  const reply = ctx.defer<T>();
  result.then((found) => reply.resolve(found), (error) => reply.reject(error));
  return reply;
}

type FromLabels = ComputedLabels["result"];

/** Brings what is not there. */
class Source {
  readonly #ctx: Context<typeof CacheShard.definition>;
  readonly #args: CacheShardArgs;
  readonly #computing = new Map<number, (result: FromLabels) => void>();
  #id: number;

  constructor(ctx: Context<typeof CacheShard.definition>, args: CacheShardArgs) {
    this.#ctx = ctx;
    this.#args = args;
    // The mailbox outlives an incarnation, and so do answers on their way: none may pass for new.
    this.#id = ctx.incarnation * 2 ** 32;
  }

  /** As `Loader`. */
  async load(key: string, ask: LoaderAsk): Promise<Loaded<CacheValue>> {
    const kind = key.slice(0, Math.max(0, key.indexOf(":")));
    try {
      if (kind === LABEL_KIND) return await this.#labels(key, ask);
      if (kind === "levels") return await this.#levels(key);
      if (isBlockKey(key)) return missingBlock(key, ask);
      if (kind === "correlation") return await this.#correlation(key);
      if (PROVIDER_KEY_KINDS.includes(kind)) return await this.#fetched(key, ask);
      return { state: "missing" };
    } catch (error) {
      return failed("error", textOf(error));
    }
  }

  // ---- from the provider --------------------------------------------------------------------------

  async #fetched(key: string, ask: LoaderAsk): Promise<Loaded<CacheValue>> {
    const { priority, origin, timeoutMs } = ask;
    const request = keyRequest(key, this.#ctx.clock.wallNow());
    if (typeof request === "string") return failed("key", `Cannot fetch ${key}: ${request}`);
    const { provider } = this.#args;
    if (provider === null) {
      const expected = "expected cacheProvider to name a provider";
      return failed("no_provider", `Cannot fetch ${key}: ${expected}: current value is none`);
    }
    const user = origin === "demand" ? "cache" : origin;
    const together = TOGETHER;
    const wanted = { ...request, ...cacheLinger(ask), user, priority, timeoutMs, together };
    const result = await provider.ask("fetch", wanted, { timeoutMs });
    if (result.state === "ok" && request.kind === "quotes") {
      const { price, atMs } = result.value as QuoteValue;
      this.#args.volatility?.observe(request.symbol, price, atMs, this.#ctx.clock.wallNow());
    }
    return loadedOf(result);
  }

  /** Somebody wants a key that is on its way sooner than who asked for it. */
  raise(key: string, priority: number, origin: Origin): void {
    const request = keyRequest(key, this.#ctx.clock.wallNow());
    if (typeof request === "string") return;
    const { lingerMs } = cacheLinger({ origin, timeoutMs: Infinity, lostInMs: null });
    this.#args.provider?.tell("raise", { ...request, user: "cache", priority, lingerMs });
  }

  // ---- labels -------------------------------------------------------------------------------------

  async #labels(key: string, { priority }: LoadAsk): Promise<Loaded<CacheValue>> {
    let request: ReturnType<typeof labelsOfKey>;
    try {
      request = labelsOfKey(key);
    } catch (error) {
      return failed("key", textOf(error));
    }
    if (this.#computing.size >= COMPUTING_MAX) {
      return failed("overload", `Cannot compute ${key}: too many labels are being computed`, 1_000);
    }
    const id = ++this.#id;
    const { promise, resolve } = Promise.withResolvers<FromLabels>();
    this.#computing.set(id, resolve);
    // A pool that dies answers nothing.
    const cancel = this.#ctx.clock.setTimer(ANSWER.timeoutMs, () => {
      this.computed({ id, result: { state: "error", message: "the label pool did not answer" } });
    });
    const wanted = { ...request, priority };
    this.#args.pool.tell("computeFor", { shard: this.#args.index, id, request: wanted });
    const result = await promise;
    cancel();
    if (result.state === "refused") return failed(result.code, result.reason, result.retryAfterMs);
    if (result.state === "error") return failed("error", result.message);
    const { block, kinds, tookMs, seq, usedTs } = result;
    const value: CachedLabels = { block, kinds, tookMs };
    const candles = { kind: "candles", series: request.series, ...usedTs } as const;
    const byLevels = { kind: "levels", instrument: parseSeries(request.series).symbol } as const;
    return {
      state: "ok",
      value,
      seq,
      dependsOn: request.kinds === undefined ? [candles] : [candles, byLevels],
    };
  }

  /** Labels have come from the pool. */
  computed({ id, result }: ComputedLabels): void {
    const resolve = this.#computing.get(id);
    this.#computing.delete(id);
    resolve?.(result);
  }

  // ---- from the store -----------------------------------------------------------------------------

  async #levels(key: string): Promise<Loaded<CacheValue>> {
    const instrument = key.slice("levels:".length);
    const record = (kind: string, name: string) =>
      this.#args.store.ask("record", { kind, key: name }, ANSWER);
    const value = await levels({ record }, instrument);
    return { state: "ok", value, dependsOn: [{ kind: "levels", instrument }] };
  }

  /** `correlation:EUR_USD:H1?with=GBP_USD&bars=250`. */
  async #correlation(key: string): Promise<Loaded<CacheValue>> {
    const [, first = "", granularity = "", other = "", text = ""] =
      /^correlation:([^:?]+):([^:?]+)\?with=([^&]+)&bars=(\d{1,5})$/.exec(key) ?? [];
    const bars = Number(text);
    const pair = [`${first}:${granularity}`, `${other}:${granularity}`];
    const isRight = pair.every(isSeries) && bars >= CORRELATION_BARS_MIN &&
      bars <= CORRELATION_BARS_MAX;
    if (!isRight) {
      const expected = "expected correlation:SYMBOL:GRANULARITY?with=SYMBOL&bars=N with N from " +
        `${CORRELATION_BARS_MIN} to ${CORRELATION_BARS_MAX}`;
      return failed("key", `Cannot correlate: ${expected}: current value is ${key.slice(0, 200)}`);
    }
    const { store } = this.#args;
    const seq = await store.ask("seq", {}, ANSWER);
    const [a, b] = await store.ask("tails", { series: pair, bars: bars + 1 }, ANSWER);
    if (a === undefined || b === undefined) throw new Error("the store did not answer for both");
    // A new candle of either makes another number.
    const dependsOn = [a, b].map(({ candles: { ts, length } }, i) => ({
      kind: "candles" as const,
      series: pair[i] as string,
      fromTs: length > bars ? ts[0] as number : -Infinity,
      toTs: Infinity,
    }));
    return { state: "ok", value: correlationOf(a.candles, b.candles, bars), seq, dependsOn };
  }
}

/** One that is there stays until its end: whoever puts blocks in renews them, and no load can. */
function missingBlock(key: string, { lostInMs }: LoaderAsk): Loaded<CacheValue> {
  if (lostInMs === null) return { state: "missing" };
  return failed("no_source", `Cannot renew ${key}: it is put in when its cluster is impacted`);
}

function loadedOf(result: GroupedResult): Loaded<CacheValue> {
  const { together } = result;
  const withOthers = together === undefined ? {} : { together };
  if (result.state === "ok") return { ...withOthers, state: "ok", value: result.value };
  if (result.state === "missing") return { ...withOthers, state: "missing" };
  const { code, message, retryAfterMs } = result.failure;
  return { ...withOthers, ...failed(code, message, retryAfterMs) };
}

function failed(
  code: string,
  message: string,
  retryAfterMs: number | null = null,
): { readonly state: "failed"; readonly failure: LoadFailure } {
  return { state: "failed", failure: { code, message, retryAfterMs } };
}
