/**
 * The service's side of a kill: it counts how often a phase is entered and ends its own process
 * there. SIGKILL leaves nobody time for anything, whoever sends it; sent from inside it comes in the
 * very phase, and not a moment later.
 *
 * @module
 */

import { ServerResponse } from "node:http";
import type { FaultHooks } from "../../src/actor/node.ts";
import type { FeedSource } from "../../src/feed/port.ts";
import { type KillPlan, killPlan, LAST_WORD, type Phase, PLAN_VARIABLE } from "./phases.ts";

/** After so many waits that outlasted their phase the kill comes on the spot. */
const WAITS_MAX = 10;

/** The plan of this process; null when it is to live. */
export function planOfProcess(): KillPlan | null {
  const text = Deno.env.get(PLAN_VARIABLE);
  return text === undefined ? null : killPlan.parse(JSON.parse(text));
}

/** Ends this process as `kill -9` does. */
export function die(phase: Phase): never {
  Deno.stderr.writeSync(new TextEncoder().encode(`${LAST_WORD}${phase}\n`));
  Deno.kill(Deno.pid, "SIGKILL");
  // The signal is there; nothing else may happen until it has done its work.
  for (;;);
}

/** Counts entries into the planned phase, and kills. */
export class Probe {
  readonly #plan: KillPlan | null;
  #entered = 0;
  /** Times the phase was entered and not left. */
  #active = 0;
  #waits = 0;
  #isWaiting = false;

  constructor(plan: KillPlan | null) {
    this.#plan = plan;
  }

  /** A phase begins. A phase without duration is entered and never left. */
  enter(phase: Phase): void {
    const plan = this.#plan;
    if (plan === null || plan.phase !== phase) return;
    this.#active++;
    if (++this.#entered < plan.nth || this.#isWaiting) return;
    if (plan.delayMs === 0 || this.#waits === WAITS_MAX) die(phase);
    this.#waits++;
    this.#isWaiting = true;
    setTimeout(() => {
      this.#isWaiting = false;
      if (this.#active > 0) die(phase);
    }, plan.delayMs);
  }

  /** It is over. */
  leave(phase: Phase): void {
    if (this.#plan?.phase === phase && this.#active > 0) this.#active--;
  }

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
