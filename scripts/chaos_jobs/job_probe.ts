/**
 * What the messages of the actors and the calls to the provider say about the phase of a job.
 *
 * @module
 */

import { PATHS } from "../../actors/tree.ts";
import type { FaultHooks } from "../../src/actor/node.ts";
import type { DataProvider } from "../../src/provider/port.ts";
import { PhaseKiller } from "../chaos_kill/phase_killer.ts";
import type { JobPhase } from "./phases.ts";

/** Counts entries into the phases of a job. */
export class JobProbe extends PhaseKiller<JobPhase> {
  /** What the job does: it is made ready, it runs, or it has run. */
  #stage: "none" | "ready" | "runs" | "over" = "none";

  /** Messages and where they lead. */
  hooks(): FaultHooks {
    return {
      beforeInit: (path) => {
        if (path.endsWith(PATHS.backfill)) this.#stage = "ready";
      },
      onTheWay: (path, type) => {
        if (path.endsWith(PATHS.store)) this.#toStore(type);
        return 0;
      },
      beforeHandle: (path, type) => {
        if (path.includes(PATHS.providers) && type === "permit") {
          this.#stage = "runs";
          this.enter("waiting");
        } else if (path.endsWith(PATHS.pool) && type === "committed") this.enter("after_commit");
        else if (path.endsWith(PATHS.backfill) && type === "over") {
          this.#stage = "over";
          this.enter("reporting");
        }
      },
    };
  }

  #toStore(type: string): void {
    if (type.startsWith("commit")) this.enter("before_commit");
    else if (this.#stage === "ready") this.enter("planning");
    else if (this.#stage === "over") this.enter("reporting");
  }

  /** The same provider; a call under way is a phase, and each is told of before it is made. */
  provider(inner: DataProvider, onCall: (symbols: readonly string[], kind: string) => void) {
    const watched: DataProvider = {
      name: inner.name,
      capabilities: inner.capabilities,
      groupOf: (endpoint, symbol) => inner.groupOf(endpoint, symbol),
      detail: () => inner.detail(),
      close: () => inner.close(),
      [Symbol.asyncDispose]: () => inner.close(),
      fetch: async (request) => {
        onCall(request.symbols, request.kind);
        this.leave("waiting");
        this.enter("calling");
        try {
          return await inner.fetch(request);
        } finally {
          this.leave("calling");
        }
      },
    };
    return watched;
  }
}
