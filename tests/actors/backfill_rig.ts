/**
 * What the tests of providers and of the backfill share: the whole tree over a memory store and a
 * simulated provider, in virtual time that outlives the tree, so that the tree can be killed and begun
 * again.
 *
 * @module
 */

import { assert } from "@std/assert";
import { ActorNode } from "../../src/actor/actor_node.ts";
import { nextTurn, seededRandom, VirtualClock } from "../../src/actor/clock.ts";
import { createSystem, type FaultHooks, type System } from "../../src/actor/mod.ts";
import type { JobReply, JobStatus } from "../../src/batch/job_status.ts";
import type { JobSpec } from "../../src/batch/job_spec.ts";
import type { RunReport } from "../../src/batch/report_schema.ts";
import type { Granularity } from "../../src/market/granularity.ts";
import type { DataProvider, ProviderCapabilities } from "../../src/provider/port.ts";
import { type SimulatedProvider, simulatedProvider } from "../../src/provider/simulated.ts";
import type { SimulatedOptions } from "../../src/provider/simulated_options.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import type { CommitBatch, CommitResult } from "../../src/store/port.ts";
import { Backfill, Provider } from "../../actors/protocols_batch.ts";
import { type FeedSpec, PATHS, type Wick, wickRefs, wickTree } from "../../actors/tree.ts";
import { seedOf } from "../actor/seed.ts";
import { SpyStore } from "./spy_store.ts";

/** Seed of a run of the tests; `WICK_SEED=n` repeats it. */
export const SEED = seedOf("backfill");

/** A Tuesday, 8 o'clock UTC. */
export const START_MS = Date.UTC(2026, 2, 3, 8);

/** A provider without limits and failures whose calls take some 20 ms. */
export const CALM: SimulatedOptions = {
  medianMs: 20,
  p99Ms: 60,
  perKeyMs: 0.1,
  transientRatio: 0,
  limits: [],
};

/** What a rig is made of. */
export interface RigOptions {
  readonly provider?: SimulatedOptions;
  /** Default `free`. */
  readonly begin?: "free" | "full";
  readonly memory?: MemoryStore;
  readonly wallMs?: number;
  /** Default: none. */
  readonly feeds?: readonly FeedSpec[];
  /** Whether the provider fills holes of feeds; default: it does not. */
  readonly fillsHoles?: boolean;
  /** Bars that the provider has; default: all. */
  readonly granularities?: readonly Granularity[];
}

/** A call as it reached the provider. */
export interface SeenCall {
  readonly atMs: number;
  readonly endpoint: string;
  readonly symbols: readonly string[];
  /** `lost` while it is under way, and for one that was aborted. */
  ended: "answered" | "failed" | "lost";
}

/** Counts what was committed, over all trees of a rig. */
class CountingStore extends SpyStore {
  constructor(memory: MemoryStore, readonly counts: Map<string, number>) {
    super(memory);
  }

  override async commit(batches: readonly CommitBatch[]): Promise<CommitResult> {
    const result = await super.commit(batches);
    if (result.state === "refused") return result;
    for (const { kind, key } of batches.flatMap(({ records = [] }) => records)) {
      const name = `${kind} ${key}`;
      this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
    }
    return result;
  }
}

/** The tree, which can be killed and begun again. */
export class Rig implements AsyncDisposable {
  readonly clock: VirtualClock;
  readonly memory: MemoryStore;
  readonly upstream: SimulatedProvider;
  /** Every call that reached the provider. */
  readonly calls: SeenCall[] = [];
  /** How often each record was committed, as `kind key`. */
  readonly committed = new Map<string, number>();
  readonly reports: RunReport[] = [];
  readonly events: JobStatus[] = [];
  readonly logged: string[] = [];
  /** As `logged`, of level info. */
  readonly said: string[] = [];
  /** Throws to crash an actor on a message. */
  beforeHandle: (path: string, type: string) => void = () => {};
  /** How long a message is held up, ms; negative = it is lost. */
  onTheWay: (path: string, type: string) => number = () => 0;
  store: SpyStore;
  system: System;
  wick: Wick;
  readonly #options: RigOptions;

  private constructor(options: RigOptions) {
    this.#options = options;
    this.clock = new VirtualClock(0, options.wallMs ?? START_MS);
    this.memory = options.memory ?? new MemoryStore({ clock: this.clock });
    this.upstream = simulatedProvider(this.clock, { seed: SEED, ...CALM, ...options.provider });
    this.store = new CountingStore(this.memory, this.committed);
    this.system = this.#system();
    this.wick = wickRefs(this.system);
  }

  /** A tree that is up. */
  static async start(options: RigOptions = {}): Promise<Rig> {
    const rig = new Rig(options);
    await rig.play(rig.system.started);
    return rig;
  }

  #system(): System {
    const faults: FaultHooks = {
      beforeInit: () => {},
      beforeHandle: (path, type) => this.beforeHandle(path, type),
      onTheWay: (path, type) => this.onTheWay(path, type),
    };
    const provider = {
      name: "simulated",
      begin: this.#options.begin ?? "free" as const,
      open: () => this.#watched(),
    };
    return createSystem(wickTree({
      store: { kind: "open", backend: this.store },
      workers: 1,
      providers: [provider],
      feeds: this.#options.feeds ?? [],
      ...(this.#options.fillsHoles ? { fillHolesFrom: provider.name } : {}),
      onJob: (_type, status) => void this.events.push(status),
      onReport: (report) => void this.reports.push(report),
      system: {
        clock: this.clock,
        random: seededRandom(SEED),
        inlineThreads: true,
        faults,
        log: (level, path, message, fields) => {
          const lines = level === "info" ? this.said : this.logged;
          lines.push(`${path} ${message} ${JSON.stringify(fields ?? {})}`);
        },
      },
    }));
  }

  /** The one provider, whatever becomes of who calls it; its calls are noted. */
  #watched(): DataProvider {
    const { upstream, clock, calls } = this;
    return {
      name: upstream.name,
      capabilities: this.#capabilities(),
      groupOf: (endpoint, symbol) => upstream.groupOf(endpoint, symbol),
      detail: () => upstream.detail(),
      close: () => upstream.close(),
      [Symbol.asyncDispose]: () => upstream.close(),
      fetch: async (request) => {
        const call: SeenCall = {
          atMs: clock.now(),
          endpoint: request.endpoint ?? request.kind,
          symbols: request.symbols,
          ended: "lost",
        };
        calls.push(call);
        const answer = await upstream.fetch(request);
        call.ended = answer.state;
        return answer;
      },
    };
  }

  #capabilities(): ProviderCapabilities {
    const { granularities } = this.#options;
    const { capabilities } = this.upstream;
    if (granularities === undefined) return capabilities;
    const endpoints = capabilities.endpoints.map((endpoint) => ({
      ...endpoint,
      granularities: endpoint.granularities.filter((one) => granularities.includes(one)),
    }));
    return { ...capabilities, endpoints };
  }

  /** Time goes on from timer to timer until the promise settles. */
  async play<T>(promise: Promise<T>, limitMs = 48 * 3_600_000): Promise<T> {
    let isOver = false;
    const over = () => {
      isOver = true;
    };
    promise.then(over, over);
    const untilMs = this.clock.now() + limitMs;
    while (!isOver) {
      await this.settle();
      if (isOver) break;
      assert(this.clock.fireNext() && this.clock.now() <= untilMs, "it waits for ever");
    }
    return await promise;
  }

  /** Lets happen what can without time passing. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 3; turn++) await new Promise<void>((resolve) => nextTurn(resolve));
  }

  /** Lets so much time pass. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.clock.now() + ms;
    await this.settle();
    while (this.clock.nextTimerAt() <= untilMs) {
      this.clock.fireNext();
      await this.settle();
    }
    this.clock.advance(untilMs - this.clock.now());
    await this.settle();
  }

  /** Lets time pass until something holds. */
  async until(holds: () => boolean, limitMs = 48 * 3_600_000): Promise<void> {
    const untilMs = this.clock.now() + limitMs;
    await this.settle();
    while (!holds()) {
      assert(this.clock.fireNext() && this.clock.now() <= untilMs, "it does not come");
      await this.settle();
    }
  }

  get backfill() {
    return this.system.ref(Backfill, PATHS.backfill);
  }

  get provider() {
    return this.system.ref(Provider, `${PATHS.providers}/simulated`);
  }

  /** Starts a job, which must be accepted. */
  async begin(job: JobSpec, mode: "resume" | "restart" = "resume"): Promise<JobStatus> {
    return okOf(await this.play(this.backfill.ask("start", { job, mode })));
  }

  async job(name: string): Promise<JobStatus> {
    return okOf(await this.play(this.backfill.ask("job", { name })));
  }

  /** Waits until a job is at rest. */
  async ended(name: string): Promise<JobStatus> {
    return okOf(
      await this.play(this.backfill.ask("ended", { name }, { timeoutMs: 86_400_000 })),
    );
  }

  /** A job from its start to its end. */
  async run(job: JobSpec, mode: "resume" | "restart" = "resume"): Promise<JobStatus> {
    await this.begin(job, mode);
    return await this.ended(job.name);
  }

  async report(name: string): Promise<RunReport> {
    const report = await this.play(this.backfill.ask("report", { name }));
    assert(report !== null, `there is no report of ${name}`);
    return report;
  }

  /** Items by how often they were committed, for a job that committed nothing else. */
  times(): Record<string, number> {
    const times: Record<string, number> = {};
    for (const [name, count] of this.committed) {
      if (name.startsWith("fetched:")) times[count] = (times[count] ?? 0) + 1;
    }
    return times;
  }

  /** Crashes an actor. */
  crash(path: string): void {
    const node = this.system.nodeAt(path);
    assert(node instanceof ActorNode, `there is no actor ${path}`);
    node.inject("crash", new Error("crashed by the test"));
  }

  /** As `kill -9` and a start: nothing that the old tree does from now on reaches the store. */
  async kill(): Promise<void> {
    this.#bury(this.store);
    await this.upstream.close();
    const { system } = this;
    await this.play(system.stop());
    this.store = new CountingStore(this.memory, this.committed);
    this.system = this.#system();
    this.wick = wickRefs(this.system);
    await this.play(this.system.started);
  }

  /** An orderly stop, and a start. */
  async restart(): Promise<void> {
    await this.play(this.system.stop());
    this.system = this.#system();
    this.wick = wickRefs(this.system);
    await this.play(this.system.started);
  }

  #bury(store: SpyStore): void {
    const refused = { state: "refused", code: "broken", message: "the process is gone" } as const;
    store.refuse = store.refuseRecords = store.refuseLetters = () => refused;
    store.dropRecord = () => refused;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.store.release();
    await this.play(this.system.stop());
  }
}

/** The status in a reply that must be one. */
export function okOf(reply: JobReply): JobStatus {
  assert(reply.state === "ok", JSON.stringify(reply));
  return reply.job;
}

/** Equities `S0`, `S1`, …. */
export function symbolsOf(count: number, prefix = "S"): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${i}`);
}

/** A job of prices, dividends and profiles, which fetches whatever it did before. */
export function jobOf(name: string, count: number, more: Partial<JobSpec> = {}): JobSpec {
  return {
    name,
    symbols: symbolsOf(count),
    kinds: ["prices", "dividends", "profiles"],
    provider: "simulated",
    filters: { staleness: false, dividend_filter: false, company_cache: false },
    ...more,
  };
}
