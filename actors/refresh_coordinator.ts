/**
 * The refresh coordinator as an actor: keeps the best set of each run while edges move. What it
 * decides stands in `src/refresh/coordinator.ts`; here it is given time, messages and records.
 *
 * ## Slices
 * Work is done in slices of about 2 ms, one for each `work` message that it tells itself in the low
 * lane, so that whoever asks is answered meanwhile. A scorer that takes longer for a single set holds
 * everything up for so long, and one that never returns for ever: no actor can stop itself.
 *
 * ## Asks
 * It asks the aggregator, the store and the providers, which are started earlier. None of these asks
 * is awaited in a message; what does not answer is left out and said so.
 *
 * ## Restart
 * Runs are saved as they change: what is published at once, though at most once a second, and values
 * of edges within a minute. After a crash the same runs go on from the last save: each is rebuilt,
 * and what was published stays until something better, or something new of its edges, is known.
 *
 * @module
 */

import { actor, ActorError, type Context, pause, type Ref, textOf } from "../src/actor/mod.ts";
import { SteadyWall } from "../src/cache/shard_tier.ts";
import { Coordinator } from "../src/refresh/coordinator.ts";
import { CoordinatorCalls, type IncomingChange } from "../src/refresh/coordinator_calls.ts";
import { ProviderWatch } from "../src/refresh/provider_watch.ts";
import type { RefreshSpec } from "../src/refresh/refresh_spec.ts";
import { totalsOf } from "../src/refresh/run_explain.ts";
import { loadRun } from "../src/refresh/run_loads.ts";
import { RUN_RECORDS, type RunRecords, sweepWritings } from "../src/refresh/run_records.ts";
import { RunSaves } from "../src/refresh/run_saves.ts";
import { readHead, type RunHead } from "../src/refresh/run_store.ts";
import type { ChangesTaken, RefreshStats } from "../src/refresh/service_types.ts";
import { recordStored } from "../src/store/record_stored.ts";
import type { Store } from "./protocols.ts";
import type { Provider } from "./protocols_batch.ts";
import { type Aggregator, RefreshCoordinator, type RefreshNews } from "./protocols_refresh.ts";

/** What the refresh coordinator is made of. */
export interface RefreshCoordinatorArgs {
  /** What is left out is as by default. */
  readonly spec: RefreshSpec;
  readonly store: Ref<typeof Store.definition>;
  readonly aggregator: Ref<typeof Aggregator.definition>;
  /** Those that stand behind what is refreshed, by name. */
  readonly providers: ReadonlyMap<string, Ref<typeof Provider.definition>>;
  /** Told of each refresh and each publication; what it throws is logged. */
  readonly onNews?: (news: RefreshNews) => void;
}

/** Between two looks at the load and the providers. */
const LOOK_EVERY_MS = 1_000;
const LOOK = { timeoutMs: 2_000 } as const;
/** A record of a large run; the store may be busy with commits. */
const WRITE = { timeoutMs: 10_000 } as const;
/** One at the start, of all heads or of one record. */
const READ = { timeoutMs: 10_000 } as const;
/** Times that it is made, and the pause before the second, which grows by as much each time. */
const READ_TRIES = 4;
const READ_PAUSE_MS = 200;
/** When a full mailbox has kept a `work` message out. */
const WORK_AGAIN_MS = 10;
/** Edges of one message to the aggregator: as many as its protocol takes. */
const EDGES_PER_MESSAGE = 100_000;

type SavedRecord = Awaited<ReturnType<RunRecords["all"]>>[number];

/** See {@linkcode RefreshCoordinator}. */
export const refreshCoordinator = actor(
  RefreshCoordinator,
  async (ctx, args: RefreshCoordinatorArgs) => {
    const shell = new CoordinatorShell(ctx, args);
    await shell.start();
    ctx.timer("look", { delayMs: LOOK_EVERY_MS, everyMs: LOOK_EVERY_MS }, "look", {});
    ctx.onStop((reason) => shell.stop(reason === "crash"));
    const { coordinator } = shell;
    /** Not awaited in the message. */
    const later = <T>(answer: Promise<T>) => {
      const reply = ctx.defer<T>();
      answer.then((value) => reply.resolve(value), (error) => reply.reject(error));
      return reply;
    };
    return {
      createRun: (spec) => {
        const reply = ctx.defer<Parameters<Parameters<Coordinator["create"]>[1]>[0]>();
        coordinator.create(spec, (answer) => reply.resolve(answer));
        return reply;
      },
      removeRun: ({ runId }) => coordinator.remove(runId),
      changeRun: ({ runId, change }) => coordinator.change(runId, change),
      recordEdgeChanges: ({ runId, values }) => coordinator.record(values, runId),
      refresh: ({ runId }) => later(shell.calls.refresh(runId, "refresh")),
      refreshWithFallback: ({ runId }) => later(shell.calls.refresh(runId, "with_fallback")),
      rebuild: ({ runId }) => later(shell.calls.refresh(runId, "rebuild")),
      get: ({ runId }) => coordinator.metadata(runId),
      list: () => coordinator.list(),
      explain: ({ runId, setId }) => coordinator.explain(runId, setId),
      scorers: () => coordinator.making.scorers.list(),
      stats: () => later(shell.stats()),
      recordOptimizationEdgeChange: (change) => later(shell.calls.change(change)),
      executeOptimizedRefresh: (refresh) => later(shell.calls.optimizedRefresh(refresh)),
      save: () => later(shell.save()),
      moved: ({ changes, impacted }) => coordinator.moved(changes, impacted),
      correlated: ({ correlations }) => coordinator.correlated(correlations),
      work: () => shell.work(),
      look: () => void shell.look(),
      autosave: () => void shell.autosave(),
    };
  },
);

class CoordinatorShell {
  readonly coordinator: Coordinator;
  readonly saves: RunSaves;
  readonly calls: CoordinatorCalls;
  readonly #ctx: Context<typeof RefreshCoordinator.definition>;
  readonly #args: RefreshCoordinatorArgs;
  readonly #wall: SteadyWall;
  readonly #providers: ProviderWatch;
  /** When `work` comes, epoch ms: -Infinity when it is in the mailbox. */
  #workAtMs = Infinity;
  #saveAtMs = Infinity;
  #isStopping = false;

  constructor(ctx: Context<typeof RefreshCoordinator.definition>, args: RefreshCoordinatorArgs) {
    this.#ctx = ctx;
    this.#args = args;
    this.#wall = new SteadyWall(ctx.clock);
    const nowMs = () => this.#wall.now();
    const warn = (message: string, fields: Readonly<Record<string, unknown>>) =>
      ctx.log("warn", message, fields);
    this.coordinator = new Coordinator(args.spec, {
      nowMs,
      stopwatchMs: () => ctx.clock.now(),
      workAt: (atMs) => this.#workAt(atMs),
      knowEdges: (edgeIds) => this.#knowEdges(edgeIds),
      removed: (run) => this.saves.removed(run),
      news: (news) => this.#tell(news),
      warn,
    });
    const statuses = Array.from(
      args.providers,
      ([name, provider]) => [name, () => provider.ask("status", {}, LOOK)] as const,
    );
    this.#providers = new ProviderWatch(new Map(statuses));
    this.calls = new CoordinatorCalls(this.coordinator, {
      nowMs,
      record: (changes) => this.#record(changes),
      providers: () => this.#providers.health,
    });
    this.saves = new RunSaves(this.coordinator.runs, this.#records(), nowMs, warn);
  }

  // ---- what outlives it ---------------------------------------------------------------------------

  /** Goes on with the runs that a former one has saved, in the order in which they were made. */
  async start(): Promise<void> {
    const { coordinator } = this, records = this.#records();
    const nowMs = () => this.#wall.now();
    const saved = await records.all(RUN_RECORDS.head);
    await this.#sweep(records, saved);
    for (const head of this.#headsIn(saved)) {
      const { runId } = head;
      try {
        coordinator.restored(await loadRun(runId, head, records, coordinator.making, nowMs));
      } catch (error) {
        // Of a store that does not answer nobody knows what it has saved: started again, not left out.
        if (error instanceof ActorError) throw error;
        this.#leftOut(runId, error);
      }
    }
    void this.look();
  }

  /** Drops what one that died while it wrote has left; nothing of a run whose head is no head. */
  async #sweep(records: RunRecords, saved: readonly SavedRecord[]): Promise<void> {
    const writings = new Map<string, number | null>();
    for (const { key, json } of saved) {
      try {
        writings.set(key, readHead(json, key).writing);
      } catch {
        writings.set(key, null);
      }
    }
    await sweepWritings(
      records,
      writings,
      (run, reason) =>
        this.#ctx.log("warn", "parts of a run that no head names are not dropped", { run, reason }),
    );
  }

  #headsIn(saved: readonly SavedRecord[]): readonly RunHead[] {
    const heads: RunHead[] = [];
    for (const { key, json } of saved) {
      try {
        const head = readHead(json, key);
        if (this.coordinator.wants(key, head.basketSize)) heads.push(head);
      } catch (error) {
        this.#leftOut(key, error);
      }
    }
    return heads.sort((a, b) => a.createdAtMs - b.createdAtMs);
  }

  /** Its records stay where they are until a run of that id is made: somebody may want to look. */
  #leftOut(runId: string, error: unknown): void {
    const fields = { run: runId, reason: textOf(error) };
    this.#ctx.log("warn", "what was saved of a run cannot be read", fields);
  }

  /** After a crash nothing is saved: what is in memory may be what crashed it. */
  async stop(isCrash: boolean): Promise<void> {
    this.#isStopping = true;
    this.coordinator.stop();
    if (!isCrash) await this.saves.flushAll().catch(() => {});
  }

  async autosave(): Promise<void> {
    this.#saveAtMs = Infinity;
    await this.saves.flush();
    this.#armSave();
  }

  /** Saves all that changed. Rejects when something could not be written. */
  async save(): Promise<null> {
    try {
      await this.saves.flushAll();
    } finally {
      this.#armSave();
    }
    return null;
  }

  #armSave(): void {
    const { dueAtMs } = this.saves;
    if (dueAtMs === Infinity || dueAtMs >= this.#saveAtMs) return;
    this.#saveAtMs = dueAtMs;
    const delayMs = Math.max(0, dueAtMs - this.#wall.now());
    this.#ctx.timer("autosave", { delayMs }, "autosave", {});
  }

  #records(): RunRecords {
    const { store } = this.#args;
    return {
      put: async (kind, key, json) => {
        await recordStored(store.ask("putRecord", { kind, key, json }, WRITE));
        await this.#breath(kind);
      },
      drop: (kind, key) => recordStored(store.ask("dropRecord", { kind, key }, WRITE)),
      get: async (kind, key) => {
        await this.#breath(kind);
        return await this.#read(() => store.ask("record", { kind, key }, READ));
      },
      all: (kind) => this.#read(() => store.ask("records", { kind }, READ)),
    };
  }

  /** What a store that is busy, or starts again itself, did not answer is asked for again. */
  async #read<T>(ask: () => Promise<T>, tries = 1): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof ActorError) || tries >= READ_TRIES) throw error;
      await pause(this.#ctx.clock, READ_PAUSE_MS * tries);
      return await this.#read(ask, tries + 1);
    }
  }

  /** A turn for others between the parts of a large run; none when all is to end. */
  async #breath(kind: string): Promise<void> {
    if (kind === RUN_RECORDS.part && !this.#isStopping) await pause(this.#ctx.clock, 0);
  }

  // ---- work ---------------------------------------------------------------------------------------

  work(): void {
    this.#workAtMs = Infinity;
    this.coordinator.work();
    this.#armSave();
  }

  #workAt(atMs: number): void {
    if (atMs >= this.#workAtMs) return;
    const nowMs = this.#wall.now(), isNow = atMs <= nowMs;
    this.#workAtMs = isNow ? -Infinity : atMs;
    if (isNow && this.#ctx.self.tell("work", {}) === "accepted") return;
    const delayMs = isNow ? WORK_AGAIN_MS : atMs - nowMs;
    this.#ctx.timer("work", { delayMs }, "work", {});
  }

  #tell(news: RefreshNews): void {
    try {
      this.#args.onNews?.(news);
    } catch (error) {
      this.#ctx.log("warn", "whoever watches runs threw", { reason: textOf(error) });
    }
  }

  // ---- the aggregator -----------------------------------------------------------------------------

  /** Best effort: clusters of edges that nobody knows say nothing, and runs do without. */
  #knowEdges(edgeIds: readonly string[]): void {
    for (let from = 0; from < edgeIds.length; from += EDGES_PER_MESSAGE) {
      const edges = edgeIds.slice(from, from + EDGES_PER_MESSAGE);
      this.#args.aggregator.ask("addEdges", { edges }, LOOK).catch((error) => {
        this.#ctx.log("info", "clusters do not know the edges of a run", {
          reason: textOf(error),
        });
      });
    }
  }

  async #record(changes: readonly IncomingChange[]): Promise<ChangesTaken["impacted"] | null> {
    try {
      const payload = { changes: [...changes] };
      const taken = await this.#args.aggregator.ask("recordEdgeChanges", payload, LOOK);
      // Clusters have no room for these edges: no tick tells runs of them.
      return taken.refused.some(({ reason }) => reason === "edges") ? null : taken.impacted;
    } catch (error) {
      const fields = { changes: changes.length, reason: textOf(error) };
      this.#ctx.log("warn", "clusters did not hear of changes of edges", fields);
      return null;
    }
  }

  // ---- looks --------------------------------------------------------------------------------------

  async look(): Promise<void> {
    this.coordinator.look({ providersOpenRatio: this.#providers.openRatio });
    this.#armSave();
    await this.#providers.look();
  }

  async stats(): Promise<RefreshStats> {
    const { aggregator } = this.#args;
    const status = await aggregator.ask("status", {}, LOOK).catch(() => null);
    const { busyRatio, gate } = this.coordinator;
    return {
      atMs: this.#wall.now(),
      ...totalsOf(this.coordinator.list()),
      busyRatio,
      gate,
      providers: this.#providers.health,
      aggregator: status,
    };
  }
}
