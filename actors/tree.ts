/**
 * The supervision tree as data: who runs under whom, in what order, knowing whom. Asks go only
 * towards children that were started earlier, so they cannot form a cycle.
 *
 * @module
 */

import { availableParallelism } from "node:os";
import {
  child,
  type ChildSpec,
  createSystem,
  type Ref,
  type System,
  type SystemOptions,
} from "../src/actor/mod.ts";
import { threadEntry } from "../src/actor/thread_url.ts";
import type { AdmissionByCount, AdmissionOptions } from "../src/label/admission.ts";
import type { LabelParams } from "../src/label/params.ts";
import { DEFAULT_PARAMS, historyBars } from "../src/label/params.ts";
import type { FeedSource } from "../src/feed/port.ts";
import { feed } from "./feed.ts";
import { labelPool } from "./label_pool.ts";
import { labelWorker } from "./label_worker.ts";
import { labelSink } from "./label_sink.ts";
import {
  Feed,
  LabelPool,
  LabelSink,
  LabelWorker,
  type PublishedLabels,
  Store,
} from "./protocols.ts";
import { store, type StoreArgs } from "./store.ts";

/** A feed of the tree. */
export interface FeedSpec {
  /** Name of its actor; unique among the feeds. */
  readonly name: string;
  /** Makes the source; called anew at every restart of the feed. */
  readonly source: () => FeedSource;
  /**
   * 0 to 10, default 5; under overload the lowest is refused first. Counts only when `bulk` is
   * false.
   */
  readonly priority?: number;
  /**
   * Whether the source can wait, as a file can; default true. Then only the bound on queued rows
   * refuses it.
   */
  readonly bulk?: boolean;
}

/** What the tree is made of. */
export interface WickOptions {
  /** Name of the root; default `wick`. */
  readonly name?: string;
  /** Where candles, labels and cursors go; default: memory. */
  readonly store?: StoreArgs;
  /** What a label is; default {@linkcode DEFAULT_PARAMS}. */
  readonly params?: LabelParams;
  /** Threads that label; default: the cores. */
  readonly workers?: number;
  /**
   * Expected delays at which requests, and batches of feeds that are not `bulk`, are refused;
   * default {@linkcode ADMISSION_DEFAULTS}.
   */
  readonly admission?: AdmissionOptions | AdmissionByCount;
  /** Started after everything else, in this order; default: none. */
  readonly feeds?: readonly FeedSpec[];
  /** Called with the labels of every commit, after it, in the order of commits. */
  readonly onLabels?: (published: PublishedLabels) => void;
  /** Actors that are told the same; see `LabelSink`. */
  readonly sinks?: readonly ChildSpec[];
  /** Overrides for tests and simulations: clock, random, log and the like. */
  readonly system?: Omit<SystemOptions, "name" | "children" | "strategy">;
}

/** Refs into a running tree. */
export interface Wick {
  /** The whole tree: its nodes, dead letters and counts, and how to stop it. */
  readonly system: System;
  /** Candles, labels and cursors as committed. */
  readonly store: Ref<typeof Store.definition>;
  /** Takes candles and requests for labels. */
  readonly pool: Ref<typeof LabelPool.definition>;
  /** The feed of that name; asking one that was not declared rejects with `ActorStopped`. */
  feed(name: string): Ref<typeof Feed.definition>;
}

/** Queued blocks of columns: bounded in bytes rather than in messages. */
const BLOCKS_MAILBOX = { bound: 8_192, boundBytes: 256 * 1024 * 1024 } as const;

/** The tree of architecture.md, as far as its subsystems exist, as data. */
export function wickTree(options: WickOptions = {}): SystemOptions {
  const count = options.workers ?? availableParallelism();
  const params = options.params ?? DEFAULT_PARAMS;
  const workers = Array.from({ length: count }, (_, i) => `worker-${i}`);
  assertEnoughBars(options.store, params);
  const sinks = [...options.sinks ?? []];
  if (options.onLabels !== undefined) {
    const args = { onLabels: options.onLabels };
    sinks.push(child(labelSink, { name: "on_labels", args }));
  }
  return {
    ...options.system,
    name: options.name ?? "wick",
    strategy: "one_for_one",
    children: [{
      name: "core",
      strategy: "rest_for_one",
      intensity: 3,
      children: [
        child(store, { name: "store", args: options.store ?? { kind: "memory" } }),
        { name: "sinks", children: sinks },
        {
          name: "work",
          children: [{
            name: "ingest",
            strategy: "rest_for_one",
            intensity: 5,
            children: [
              {
                name: "workers",
                intensity: 5,
                children: workers.map((worker) =>
                  child(labelWorker, {
                    name: worker,
                    args: { params },
                    mailbox: BLOCKS_MAILBOX,
                    thread: {
                      entry: threadEntry(new URL("./threads/label_worker.ts", import.meta.url)),
                      prewarm: true,
                    },
                  })
                ),
              },
              child(labelPool, {
                name: "label_pool",
                mailbox: { bound: 65_536, boundBytes: 256 * 1024 * 1024 },
                args: (refs) => ({
                  store: refs.ask(Store, PATHS.store),
                  workers: workers.map((worker) =>
                    refs.ask(LabelWorker, `${PATHS.workers}/${worker}`)
                  ),
                  params,
                  sinks: sinks.map((sink) => refs.tell(LabelSink, `${PATHS.sinks}/${sink.name}`)),
                  ...(options.admission === undefined ? {} : { admission: options.admission }),
                }),
              }),
              {
                name: "feeds",
                // The pause grows with the restarts within the period: 60 s are reached in one of 5 min,
                // and a source that cannot be opened stays below this intensity for ever.
                intensity: 20,
                periodMs: 300_000,
                backoff: { minMs: 1_000, maxMs: 60_000 },
                children: (options.feeds ?? []).map((spec) =>
                  child(feed, {
                    name: spec.name,
                    args: (refs) => ({
                      store: refs.ask(Store, PATHS.store),
                      pool: refs.ask(LabelPool, PATHS.pool),
                      source: spec.source,
                      ...(spec.priority === undefined ? {} : { priority: spec.priority }),
                      ...(spec.bulk === undefined ? {} : { bulk: spec.bulk }),
                    }),
                  })
                ),
              },
            ],
          }],
        },
      ],
    }],
  };
}

/** A worker's state is rebuilt from the store: it must keep as many candles as that takes. */
function assertEnoughBars(store: StoreArgs | undefined, params: LabelParams): void {
  const barsMax = store?.kind === "memory" ? store.options?.barsMax : undefined;
  const needed = historyBars(params);
  if (barsMax === undefined || barsMax >= needed || needed === Infinity) return;
  throw new RangeError(
    `Cannot run with horizon ${params.horizon}: expected a store of at least ${needed} bars per ` +
      `series: current value is ${barsMax}`,
  );
}

/** Refs to the parts of a running tree. */
export function wickRefs(system: System): Wick {
  return {
    system,
    store: system.ref(Store, PATHS.store),
    pool: system.ref(LabelPool, PATHS.pool),
    feed: (name) => system.ref(Feed, `${PATHS.feeds}/${name}`),
  };
}

/**
 * Starts the tree.
 *
 * @throws {StartFailed} by rejecting, when a part cannot start.
 */
export async function startWick(options: WickOptions = {}): Promise<Wick> {
  const system = createSystem(wickTree(options));
  await system.started;
  return wickRefs(system);
}

/** Where the parts lie, below the root. */
export const PATHS = {
  store: "core/store",
  sinks: "core/sinks",
  workers: "core/work/ingest/workers",
  pool: "core/work/ingest/label_pool",
  feeds: "core/work/ingest/feeds",
} as const;
