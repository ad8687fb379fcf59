/**
 * The service's side of a kill: how often a phase is entered, as its messages and responses tell.
 *
 * @module
 */

import { ServerResponse } from "node:http";
import type { FaultHooks } from "../../src/actor/node.ts";
import type { FeedSource } from "../../src/feed/port.ts";
import { PhaseKiller } from "./phase_killer.ts";
import { type KillPlan, killPlan, type Phase, PLAN_VARIABLE } from "./phases.ts";

/** The plan of this process; null when it is to live. */
export function planOfProcess(): KillPlan | null {
  const text = Deno.env.get(PLAN_VARIABLE);
  return text === undefined ? null : killPlan.parse(JSON.parse(text));
}

/** Counts entries into the planned phase, and kills. */
export class Probe extends PhaseKiller<Phase> {
  /** What the actors send one another says which phase begins and which is over. */
  hooks(): FaultHooks {
    return {
      beforeInit: () => {},
      onTheWay: (path, type) => {
        if (path.includes("/workers/worker-") && type === "label") this.enter("in_workers");
        if (path.endsWith("/core/store") && type.startsWith("commit")) this.enter("before_commit");
        return 0;
      },
      beforeHandle: (path, type) => {
        if (path.includes("/workers/") && type.startsWith("label")) this.enter("in_workers");
        if (path.endsWith("/label_pool") && type.startsWith("labelled")) this.leave("in_workers");
        if (path.endsWith("/label_pool") && type === "committed") this.enter("after_commit");
        if (path.includes("/core/sinks/") && type === "labels") this.enter("publishing");
      },
    };
  }

  /**
   * Answers to pushes are acknowledgements, and what goes into label streams is published: responses
   * of this isolate's HTTP servers are watched as they are written.
   */
  watchResponses(): void {
    const enter = (phase: Phase) => this.enter(phase);
    const { writeHead, write } = ServerResponse.prototype;
    ServerResponse.prototype.writeHead = function (this: ServerResponse, ...args: unknown[]) {
      if (this.req.method === "POST") enter("acknowledging");
      return (writeHead as (...args: unknown[]) => ServerResponse).apply(this, args);
    } as typeof writeHead;
    ServerResponse.prototype.write = function (this: ServerResponse, ...args: unknown[]) {
      if (this.req.url?.startsWith("/api/labels/stream")) enter("publishing");
      return (write as (...args: unknown[]) => boolean).apply(this, args);
    } as typeof write;
  }

  /** The same source, whose reads and acknowledgements are phases. */
  source(inner: FeedSource): FeedSource {
    return {
      name: inner.name,
      open: (cursor) => inner.open(cursor),
      read: async (signal) => {
        this.enter("reading");
        try {
          return await inner.read(signal);
        } finally {
          this.leave("reading");
        }
      },
      ack: async (cursor) => {
        this.enter("acknowledging");
        await inner.ack(cursor);
      },
      close: () => inner.close(),
      detail: () => inner.detail?.() ?? {},
      [Symbol.asyncDispose]: () => inner.close(),
    };
  }
}
