/**
 * The two calls that do all: one change of an edge, to clusters and runs alike; and one refresh with
 * all that was held back.
 *
 * @module
 */

import type { FoldedChange } from "./aggregator_pending.ts";
import type { Coordinator } from "./coordinator.ts";
import type { ChangeMetadata, ChangeType } from "./magnitude.ts";
import type { AskedRefresh } from "./run_waiters.ts";
import type {
  ChangesTaken,
  OptimizationChangeTaken,
  OptimizedRefreshAnswer,
  ProviderHealth,
  RefreshAnswer,
} from "./service_types.ts";

/** A change as it comes in. */
export interface IncomingChange {
  /** Which edge. */
  readonly edgeId: string;
  /** What changed of it. */
  readonly type: ChangeType;
  /** How much. */
  readonly magnitude: number;
  /** Its value now. */
  readonly value?: number | undefined;
  /** When, epoch ms; now unless said otherwise. */
  readonly at?: number | undefined;
  /** Anything else. */
  readonly metadata?: ChangeMetadata | undefined;
}

/** What the calls need of the world. */
export interface CallPorts {
  /** Epoch ms. */
  nowMs(): number;
  /** Tells clusters of changes; what they set off, or null when they did not hear of it. */
  record(changes: readonly IncomingChange[]): Promise<ChangesTaken["impacted"] | null>;
  /** As of the last look. */
  providers(): readonly ProviderHealth[];
}

/** See the head of this file. */
export class CoordinatorCalls {
  readonly #coordinator: Coordinator;
  readonly #ports: CallPorts;

  /** Of one coordinator. */
  constructor(coordinator: Coordinator, ports: CallPorts) {
    this.#coordinator = coordinator;
    this.#ports = ports;
  }

  /** A refresh, as a promise. */
  refresh(runId: string, asked: AskedRefresh): Promise<RefreshAnswer> {
    const { promise, resolve } = Promise.withResolvers<RefreshAnswer>();
    this.#coordinator.refresh(runId, asked, resolve);
    return promise;
  }

  /**
   * One change. Its value comes back from the aggregator and goes through the gate as that of any
   * change; for one run alone it goes there at once, and clusters hear of the magnitude only. Null
   * when there is no such run.
   */
  async change(
    { runId, ...change }: IncomingChange & { readonly runId?: string | undefined },
  ): Promise<OptimizationChangeTaken | null> {
    const coordinator = this.#coordinator, { edgeId, value, type, magnitude } = change;
    if (runId !== undefined && !coordinator.runs.has(runId)) return null;
    const runs = coordinator.holding(edgeId).filter((held) => held === (runId ?? held));
    const fate = coordinator.fateOf(change);
    const nowMs = this.#ports.nowMs(), at = Math.min(nowMs, change.at ?? nowMs);
    const isOwn = runId !== undefined && value !== undefined;
    if (isOwn) coordinator.offerTo(runId, { edgeId, value }, fate.class, at);
    const { value: _value, ...magnitudeOnly } = change;
    const impacted = await this.#ports.record([isOwn ? magnitudeOnly : change]);
    if (impacted === null && !isOwn && value !== undefined) {
      // Clusters do without; runs need not.
      const folded: FoldedChange = {
        edgeId,
        type,
        magnitude,
        value,
        at,
        class: fate.class,
        count: 1,
      };
      coordinator.moved([folded], []);
    }
    return { ...fate, impacted: impacted ?? [], runs };
  }

  /** One refresh. Values of its changes are those of their edges: every run that holds one has them. */
  async optimizedRefresh(
    { runId, kind, changes = [] }: {
      readonly runId: string;
      readonly kind: "cheapest" | "full";
      readonly changes?: readonly IncomingChange[] | undefined;
    },
  ): Promise<OptimizedRefreshAnswer> {
    const coordinator = this.#coordinator;
    if (!coordinator.runs.has(runId)) return { state: "unknown_run" };
    const values = changes.flatMap(({ edgeId, value }) =>
      value === undefined ? [] : [{ edgeId, value }]
    );
    const released = coordinator.releaseOf(runId);
    if (values.length > 0) coordinator.record(values);
    if (changes.length > 0) void this.#ports.record(changes);
    const answer = await this.refresh(runId, kind === "full" ? "rebuild" : "with_fallback");
    if (answer.state !== "done") return answer;
    const run = coordinator.metadata(runId);
    if (run === null) return { state: "cancelled" };
    const { mode } = coordinator.gate;
    return { ...answer, released, mode, run, providers: this.#ports.providers() };
  }
}
