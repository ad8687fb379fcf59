/**
 * What a node does once before it says that it has started: it labels made-up candles the way that it
 * is about to label real ones, and writes nothing.
 *
 * Code that has not run yet is slow: the first batches of a new process take a tenth of a second, later
 * ones four milliseconds. A partition that is handed to a node would stand still for that long, and
 * with it everybody who waits for its labels. So while others still have all partitions, the parts
 * between streams and commits are started a second time beside the tree, and work on:
 *
 * - pages that are read from the streams of the group for practice and thrown away; in their place come
 *   pages of candles that are made up, as later candles of the series that are busy;
 * - cursors and tails as the node's own store gives them;
 * - commits that the store sends to the log under a token that nobody has, so that it refuses them.
 *
 * @module
 */

import {
  child,
  type Clock,
  createSystem,
  type Random,
  type Ref,
  wrappedRef,
} from "../src/actor/mod.ts";
import type { LabelParams } from "../src/label/params.ts";
import { type CandleBlock, candleBlock } from "../src/market/block.ts";
import { partitionOf } from "../src/market/partition.ts";
import type { LogStatus } from "../src/store/log/port.ts";
import { entriesOf, pageOf } from "../src/store/partitions/entries.ts";
import { placeOf } from "../src/store/partitions/place.ts";
import type { PartitionPage, PartitionStreams, StreamPlace } from "../src/store/partitions/port.ts";
import { labelPool } from "./label_pool.ts";
import { labelWorker } from "./label_worker.ts";
import { partitionReader, type ReadStreams } from "./partition_reader.ts";
import { LabelPool, LabelWorker, Store } from "./protocols.ts";
import { PartitionReader } from "./protocols_nodes.ts";

/** What a rehearsal needs of a node. */
export interface RehearsalArgs {
  readonly store: Ref<typeof Store.definition>;
  /** Read by nobody else; closed by whoever opened them. */
  readonly streams: Pick<PartitionStreams, "read" | "status">;
  readonly params: LabelParams;
  readonly clock: Clock;
  readonly random: Random;
}

/** How much is rehearsed. */
export const REHEARSAL = {
  /** Reads of pages: what a function costs falls to a tenth within about so many calls of it. */
  reads: 60,
  /** Partitions that take part, and that a read has pages of. */
  partitions: 32,
  pagesPerRead: 8,
  /** Commits that are looked at for series that are busy. */
  commits: 256,
  /** A machine that is not through by then starts as it is, ms. */
  limitMs: 2_000,
} as const;

const ANSWER = { timeoutMs: 10_000 } as const;
/** Nobody waits for what is under way of it, ms. */
const STOP_MS = 100;
const MINUTE_MS = 60_000;
/** Later than any candle of a series that comes meanwhile: none is to be taken for a correction. */
const AHEAD_MS = 24 * 60 * MINUTE_MS;

/**
 * See the module's text. Resolves when it is over, also when `signal` or the time ends it.
 *
 * @throws When store or streams cannot be reached.
 */
export async function rehearse(args: RehearsalArgs, signal: AbortSignal): Promise<void> {
  const { clock } = args;
  const over = Promise.withResolvers<null>();
  const end = () => over.resolve(null);
  signal.addEventListener("abort", end);
  const cancel = clock.setTimer(REHEARSAL.limitMs, end);
  if (signal.aborted) end();
  try {
    const found = await Promise.race([busySeries(args), over.promise]);
    if (found !== null) await perform(args, found, over.promise);
  } finally {
    cancel();
    signal.removeEventListener("abort", end);
  }
}

type Busy = Awaited<ReturnType<typeof busySeries>>;

async function perform(args: RehearsalArgs, { series, fromTs }: Busy, over: Promise<null>) {
  const { store, params, clock, random } = args;
  const streams = new MadeUpStreams(args, series, fromTs);
  const under = unwritten(store);
  const system = createSystem({
    ...{ name: "rehearsal", clock, random, log: null },
    children: [
      child(labelWorker, { name: "live", args: { params } }),
      child(labelPool, {
        name: "label_pool",
        args: (refs) => ({
          ...{ store: under, packed: true, params, isFollowed: true },
          ...{ workers: [], live: refs.ask(LabelWorker, "live") },
        }),
      }),
      child(partitionReader, {
        name: "partition_reader",
        args: (refs) => ({
          ...{
            store: under,
            pool: refs.ask(LabelPool, "label_pool"),
            streams,
            owned: new Set<number>(),
          },
        }),
      }),
    ],
  });
  try {
    if (await Promise.race([system.started.then(() => true), over]) === null) return;
    system.ref(PartitionReader, "partition_reader").tell("own", {
      partitions: [...series.keys()],
    });
    await Promise.race([streams.done, over]);
  } finally {
    // Nothing of it is worth an end in order.
    await system.stop({ drain: false, deadlineMs: STOP_MS });
  }
}

/** Series by partition, the busy ones first, and a time after all that they have. */
async function busySeries({ store, clock }: RehearsalArgs) {
  const seq = await store.ask("seq", {}, ANSWER);
  const { commits, partitions } = REHEARSAL;
  const asked = { seq: Math.max(0, seq - commits), limit: commits };
  const found = await store.ask("touchedSeries", asked, ANSWER);
  const series = new Map<number, string>();
  for (const name of found.series) {
    if (series.size < partitions) series.set(partitionOf(name), name);
  }
  for (let number = 0; series.size < partitions; number++) {
    const name = `rehearsal-${number}`;
    if (!series.has(partitionOf(name))) series.set(partitionOf(name), name);
  }
  const lastTs = found.toTs.reduce((last, ts) => Math.max(last, ts), clock.wallNow());
  return { series, fromTs: Math.ceil((lastTs + AHEAD_MS) / MINUTE_MS) * MINUTE_MS };
}

/** The same store, but commits are sent to the log in vain. */
function unwritten(store: Ref<typeof Store.definition>): Ref<typeof Store.definition> {
  return wrappedRef(
    store,
    (ref, type, payload, options) =>
      ref.ask(type === "commitPacked" ? "rehearse" : type, payload as never, options),
  );
}

/** Pages of made-up candles, one a series, after a real read whose pages are thrown away. */
class MadeUpStreams implements ReadStreams {
  readonly #args: RehearsalArgs;
  readonly #series: ReadonlyMap<number, string>;
  /** Where the commits of the group stand. */
  readonly #real = new Map<number, StreamPlace | null>();
  readonly #fromTs: number;
  #reads = 0;
  #endBytes = 0;
  #bars = 0;
  readonly #over = Promise.withResolvers<void>();

  constructor(args: RehearsalArgs, series: ReadonlyMap<number, string>, fromTs: number) {
    this.#args = args;
    this.#series = series;
    this.#fromTs = fromTs;
  }

  /** Resolves when all that is to be read was read; rejects when it cannot be. */
  get done(): Promise<void> {
    return this.#over.promise;
  }

  get status(): LogStatus {
    return this.#args.streams.status;
  }

  async read(
    places: ReadonlyMap<number, StreamPlace | null>,
    _waitMs: number,
    signal?: AbortSignal,
  ): Promise<readonly PartitionPage[]> {
    if (this.#reads++ >= REHEARSAL.reads) {
      this.#over.resolve();
      return await untilAborted(signal);
    }
    const taken = [...places.keys()].slice(0, REHEARSAL.pagesPerRead);
    const after = new Map(taken.map((partition) => [partition, places.get(partition) ?? null]));
    for (const [partition, place] of after) {
      if (!this.#real.has(partition)) this.#real.set(partition, place);
    }
    try {
      const real = taken.map((partition) =>
        [partition, this.#real.get(partition) ?? null] as const
      );
      await this.#args.streams.read(new Map(real), 0);
    } catch (error) {
      this.#over.reject(error);
      throw error;
    }
    return taken.map((partition) => this.#page(partition, after.get(partition) ?? null));
  }

  #page(partition: number, after: StreamPlace | null): PartitionPage {
    const ts = this.#fromTs + MINUTE_MS * this.#bars++;
    const [bytes] = entriesOf([madeUp(this.#series.get(partition) as string, ts)]);
    const entry = bytes as Uint8Array<ArrayBuffer>;
    const place = placeOf({ atMs: ts, endBytes: this.#endBytes += entry.length });
    return pageOf(partition, after, [{ place, bytes: entry }]);
  }

  trim(): Promise<void> {
    return Promise.resolve();
  }

  backlog(): Promise<readonly never[]> {
    return Promise.resolve([]);
  }
}

/** A candle; its prices move enough for barriers to be touched now and then. */
function madeUp(series: string, ts: number): CandleBlock {
  const open = 100 + 5 * Math.sin(ts / MINUTE_MS), close = 100 + 5 * Math.sin(ts / MINUTE_MS + 1);
  const columns = {
    ...{ ts, open, high: Math.max(open, close) + 1, low: Math.min(open, close) - 1, close },
    volume: 1,
  };
  return candleBlock(
    series,
    Object.fromEntries(
      Object.entries(columns).map(([name, value]) => [name, Float64Array.of(value)]),
    ) as Record<keyof typeof columns, Float64Array>,
  );
}

function untilAborted(signal: AbortSignal | undefined): Promise<readonly never[]> {
  return new Promise((resolve) => {
    if (signal === undefined || signal.aborted) return resolve([]);
    signal.addEventListener("abort", () => resolve([]), { once: true });
  });
}
