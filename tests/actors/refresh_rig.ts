/**
 * What the tests of the refresh coordinator share: the actor over a memory store, beside an aggregator
 * that only takes notes, in virtual time; it can be crashed, stopped and begun again.
 *
 * @module
 */

import { assert } from "@std/assert";
import { type Cancel, type Clock, nextTurn, VirtualClock } from "../../src/actor/clock.ts";
import { actor, child, createSystem, type Ref, type System } from "../../src/actor/mod.ts";
import { runSpec } from "../../src/http/refresh_input.ts";
import type { FoldedChange } from "../../src/refresh/aggregator_pending.ts";
import type { MagnitudeClass } from "../../src/refresh/magnitude.ts";
import type { RefreshSpec } from "../../src/refresh/refresh_spec.ts";
import type { RefreshReport, RunMetadata } from "../../src/refresh/run_types.ts";
import { type Scorer, type ScorerKind, ScorerRegistry } from "../../src/refresh/scorer.ts";
import { builtInScorers } from "../../src/refresh/scorer_built_in.ts";
import { MEAN_VARIANCE_KIND } from "../../src/refresh/scorer_mean_variance.ts";
import { PRODUCT_KIND } from "../../src/refresh/scorer_product.ts";
import type { RefreshAnswer, ServedAggregator } from "../../src/refresh/service_types.ts";
import { MemoryStore } from "../../src/store/memory.ts";
import type { Provider } from "../../actors/protocols_batch.ts";
import { Store } from "../../actors/protocols.ts";
import {
  Aggregator,
  RefreshCoordinator,
  type RefreshNews,
} from "../../actors/protocols_refresh.ts";
import { refreshCoordinator } from "../../actors/refresh_coordinator.ts";
import { store } from "../../actors/store.ts";
import { SpyStore } from "./spy_store.ts";

/** A Tuesday, 8 o'clock UTC. */
export const START_MS = Date.UTC(2026, 2, 3, 8);
/** Where the coordinator lives. */
export const COORDINATOR = "/wick/refresh/refresh_coordinator";
const AGGREGATOR = "/wick/refresh/aggregator";

/** Virtual time in which work takes time, too: `spend` moves it without firing timers. */
export class WorkClock implements Clock {
  readonly virtual: VirtualClock = new VirtualClock(0, START_MS);
  #spentMs = 0;

  now(): number {
    return this.virtual.now() + this.#spentMs;
  }
  wallNow(): number {
    return Math.floor(START_MS + this.now());
  }
  setTimer(delayMs: number, fire: () => void): Cancel {
    return this.virtual.setTimer(delayMs, fire);
  }
  spend(ms: number): void {
    this.#spentMs += ms;
  }
}

/** What the aggregator was told, and what it answers. */
export class AggregatorNotes {
  readonly edges: string[] = [];
  readonly changes: { readonly edgeId: string; readonly value?: number | undefined }[] = [];
  isDown = false;
  /** Whether it has no room for any edge. */
  isFull = false;
  /** Clusters that each change sets off. */
  impacted: { id: string; members: string[]; impact: number }[] = [];
}

const aggregator = actor(Aggregator, (_ctx, notes: AggregatorNotes) => {
  const taken = (changes: AggregatorNotes["changes"]) => {
    if (notes.isDown) throw new Error("down");
    if (notes.isFull) {
      const refused = changes.map((_, index) => ({ index, reason: "edges" as const }));
      return { recorded: 0, refused, impacted: [] };
    }
    notes.changes.push(...changes);
    return { recorded: changes.length, refused: [], impacted: notes.impacted };
  };
  const nothing = () => null;
  return {
    recordEdgeChanges: ({ changes }) => taken(changes),
    recordEdgeChange: (change) => taken([change]),
    correlations: () => ({ edges: 0, clusters: 0 }),
    clusters: () => [],
    edge: nothing,
    addEdges: ({ edges }) => {
      notes.edges.push(...edges);
      return { edges: notes.edges.length };
    },
    removeEdges: () => ({ edges: 0 }),
    block: nothing,
    status: () => ({ edges: notes.edges.length }) as ServedAggregator,
    save: nothing,
    committed: () => {},
    tick: () => {},
    look: () => {},
    replay: () => {},
    blocks: () => {},
    autosave: () => {},
  };
});

/** How a rig is set up. */
export interface RigOptions {
  readonly spec?: RefreshSpec;
  readonly memory?: MemoryStore;
  readonly scorers?: readonly ScorerKind[];
}

/** See the head of this file. */
export class Rig implements AsyncDisposable {
  readonly clock: WorkClock = new WorkClock();
  readonly memory: MemoryStore;
  readonly store: SpyStore;
  readonly notes: AggregatorNotes = new AggregatorNotes();
  readonly news: RefreshNews[] = [];
  readonly logged: string[] = [];
  /** Breaker that the provider says it has; null: it does not answer. */
  breaker: "closed" | "open" | null = "closed";
  /** Throws to crash an actor on a message. */
  beforeHandle: (path: string, type: string) => void = () => {};
  system!: System;
  readonly #options: RigOptions;

  private constructor(options: RigOptions) {
    this.#options = options;
    this.memory = options.memory ?? new MemoryStore({ clock: this.clock });
    this.store = new SpyStore(this.memory);
  }

  static async start(options: RigOptions = {}): Promise<Rig> {
    const rig = new Rig({ spec: { baskets: null }, ...options });
    await rig.begin();
    return rig;
  }

  /** Begins (again). */
  async begin(): Promise<void> {
    const { spec = {}, scorers } = this.#options;
    const registry = scorers === undefined
      ? builtInScorers()
      : new ScorerRegistry([PRODUCT_KIND, MEAN_VARIANCE_KIND, ...scorers]);
    this.system = createSystem({
      clock: this.clock,
      log: (level, path, message, fields) =>
        void this.logged.push(`${level} ${path} ${message} ${JSON.stringify(fields ?? {})}`),
      faults: {
        beforeInit: () => {},
        beforeHandle: (path, type) => this.beforeHandle(path, type),
        onTheWay: () => 0,
      },
      children: [
        child(store, { name: "store", args: { kind: "open", backend: this.store } }),
        {
          name: "refresh",
          strategy: "one_for_all",
          intensity: 5,
          children: [
            child(aggregator, { name: "aggregator", args: this.notes }),
            child(refreshCoordinator, {
              name: "refresh_coordinator",
              args: (refs) => ({
                spec: { scorers: registry, ...spec },
                store: refs.ask(Store, "store"),
                aggregator: refs.ask(Aggregator, "refresh/aggregator"),
                providers: new Map([["upstream", this.#provider()]]),
                onNews: (news: RefreshNews) => void this.news.push(news),
              }),
            }),
          ],
        },
      ],
    });
    await this.play(this.system.started);
  }

  #provider(): Ref<typeof Provider.definition> {
    const status = () =>
      this.breaker === null
        ? Promise.reject(new Error("no answer"))
        : Promise.resolve({ breaker: this.breaker, endpoints: [{ calls: 3, failed: 1 }] });
    return { ask: status } as unknown as Ref<typeof Provider.definition>;
  }

  get coordinator(): Ref<typeof RefreshCoordinator.definition> {
    return this.system.ref(RefreshCoordinator, COORDINATOR);
  }

  get nowMs(): number {
    return this.clock.wallNow();
  }

  /** Makes a run; what it lacks is as by default. */
  async create(spec: unknown): Promise<RunMetadata> {
    const made = await this.play(this.coordinator.ask("createRun", runSpec.parse(spec)));
    assert(made.state === "created", JSON.stringify(made));
    return made.run;
  }

  async get(runId: string): Promise<RunMetadata> {
    const run = await this.play(this.coordinator.ask("get", { runId }));
    assert(run !== null);
    return run;
  }

  /** A refresh, to its end. */
  async refresh(
    runId: string,
    how: "refresh" | "refreshWithFallback" | "rebuild" = "refreshWithFallback",
  ): Promise<RefreshReport> {
    const asked = this.coordinator.ask(how, { runId }, { timeoutMs: 600_000 });
    const answer: RefreshAnswer = await this.play(asked);
    assert(answer.state === "done", answer.state);
    return answer.report;
  }

  /** A tick of the aggregator, with values by edge. */
  moved(
    values: Readonly<Record<string, number | undefined>>,
    magnitude: MagnitudeClass = "moderate",
    fired = false,
  ): void {
    const changes = Object.entries(values).map(([edgeId, value]) =>
      folded(edgeId, value, magnitude, this.nowMs)
    );
    const members = Object.keys(values);
    const impacted = fired ? [{ id: members[0] ?? "", members, impact: 1, changes }] : [];
    this.coordinator.tell("moved", { changes, impacted });
  }

  /** Time goes on from timer to timer until the promise settles. */
  async play<T>(promise: Promise<T>): Promise<T> {
    let isOver = false;
    const over = () => {
      isOver = true;
    };
    promise.then(over, over);
    for (await this.settle(); !isOver; await this.settle()) {
      assert(this.clock.virtual.fireNext(), "it waits for ever");
    }
    return await promise;
  }

  /** Lets happen what can without time passing. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 3; turn++) await new Promise<void>((resolve) => nextTurn(resolve));
  }

  /** Lets so much time pass. */
  async pass(ms: number): Promise<void> {
    const { virtual } = this.clock, untilMs = virtual.now() + ms;
    await this.settle();
    while (virtual.nextTimerAt() <= untilMs) {
      virtual.fireNext();
      await this.settle();
    }
    virtual.advance(untilMs - virtual.now());
    await this.settle();
  }

  /** Crashes the coordinator, and with it the aggregator; both come again. */
  async crash(): Promise<void> {
    let isDue = true;
    this.beforeHandle = (path, type) => {
      if (!isDue || path !== COORDINATOR || type !== "list") return;
      isDue = false;
      throw new Error("crashed by the test");
    };
    await this.play(this.coordinator.ask("list", {}).catch(() => {}));
    await this.pass(100);
    assert(!isDue);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.play(this.system.stop());
  }
}

function folded(
  edgeId: string,
  value: number | undefined,
  magnitude: MagnitudeClass,
  at: number,
): FoldedChange {
  const own = {
    edgeId,
    type: "price_move",
    magnitude: 0.5,
    at,
    class: magnitude,
    count: 1,
  } as const;
  return value === undefined ? own : { ...own, value };
}

/** A kind of scorer for tests, of one function of a set's values. */
export function kindOf(
  name: string,
  score: (values: readonly number[]) => number,
): ScorerKind {
  const scorer: Scorer = {
    name,
    score: (values, members, from, to) =>
      score(Array.from(members.subarray(from, to), (edge) => values[edge] as number)),
  };
  return { name, description: "of a test", create: () => scorer };
}

/** Path of the aggregator, for whoever looks at the tree. */
export const paths = { aggregator: AGGREGATOR, coordinator: COORDINATOR } as const;
