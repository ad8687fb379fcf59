/**
 * A real tree for the tests of the dashboard in a browser: live synthetic candles, readers of the
 * cache, warming, a run over baskets, a job, an alert that fires, and an actor to do things to.
 *
 * @module
 */

import { z } from "zod";
import { PATHS, startWick, type Wick } from "../../../actors/tree.ts";
import type { PublishedLabels } from "../../../actors/protocols.ts";
import { systemClock, systemRandom } from "../../../src/actor/clock.ts";
import { actor, child, protocol } from "../../../src/actor/mod.ts";
import { ThreadNode } from "../../../src/actor/thread_node.ts";
import type { TreeNode } from "../../../src/actor/tree.ts";
import { DemoReaders } from "../../../src/cli/demo_readers.ts";
import { syntheticFeed } from "../../../src/feed/synthetic.ts";
import { simulatedProvider } from "../../../src/provider/simulated.ts";

/** Tokens of the service. */
export const TOKENS = { read: "read-token-0123456789", act: "act-token-0123456789" };

/** Name of the job, which is paused. */
export const JOB = "symbols";

/** What would be a script, were it ever taken for markup. */
export const HOSTILE = `<img src=x onerror="document.title='taken'"><b>"'&amp;</b>`;

/** A metric of one's own, whose alert fires as soon as the monitor looks. */
export const OWN_METRIC = "desk_gap_ratio";

const Probe = protocol("probe", {
  // It stands among the sinks, which are told of labels.
  labels: { payload: z.custom<PublishedLabels>(), internal: true },
  echo: {
    about: "Answers with what it was given",
    payload: z.strictObject({
      text: z.string().min(1).max(200),
      times: z.int().min(1).max(9),
      tone: z.enum(["calm", "loud"]),
      note: z.string().max(20).nullable(),
    }),
    reply: z.strictObject({ echoed: z.array(z.string()), tone: z.string() }),
  },
  work: {
    about: "Does the work, or crashes on it while the probe is broken",
    payload: z.strictObject({ item: z.string().max(200) }),
  },
});

/** What a test sees of the probe, and what it can do to it. */
export class ProbeState {
  /** Whether `work` crashes the probe. */
  isBroken = false;
  /** Items of `work` that were done. */
  readonly done: string[] = [];
  /** What starting waits for: while it is pending the probe is not up. */
  gate: Promise<void> = Promise.resolve();
}

const probe = actor(Probe, async (_ctx, state: ProbeState) => {
  await state.gate;
  return {
    labels: () => {},
    echo: ({ text, times, tone }) => ({ echoed: Array(times).fill(text), tone }),
    work: ({ item }) => {
      if (state.isBroken) throw new Error(`the probe is broken: ${item}`);
      state.done.push(item);
    },
  };
});

/** Path of the probe. */
export const PROBE = `/wick/${PATHS.sinks}/probe`;

const READ_EVERY_MS = 100;
/** Enough to move every figure, little enough to leave the cores to the browser. */
const CANDLES_PER_SECOND = 200;
/** So many that the job is not over before it is paused, nor by the time that a test pauses it. */
const JOB_SYMBOLS = 10_000;

/** See the module's text. */
export class Board implements AsyncDisposable {
  readonly wick: Wick;
  readonly url: string;
  readonly probe: ProbeState;
  readonly #timer: ReturnType<typeof setInterval>;

  private constructor(wick: Wick, url: string, state: ProbeState) {
    this.wick = wick;
    this.url = url;
    this.probe = state;
    const readers = wick.cache === null ? null : new DemoReaders(wick.cache, systemRandom);
    this.#timer = setInterval(() => readers?.step(), READ_EVERY_MS);
  }

  /** Starts it. Seeds and names are the same each time. */
  static async start(): Promise<Board> {
    const state = new ProbeState();
    const wick = await startWick({
      workers: 1,
      store: { kind: "sqlite", options: { path: ":memory:" } },
      feeds: [{
        name: "synthetic",
        source: () =>
          syntheticFeed(systemClock, { seed: 7, speed: { ratePerSecond: CANDLES_PER_SECOND } }),
      }],
      providers: [{ name: "simulated", begin: "free", open: () => simulatedProvider(systemClock) }],
      cache: { provider: "simulated" },
      warming: {},
      refresh: { baskets: { runId: "baskets", size: 2 } },
      // Nobody listens there.
      alertSinks: [{
        name: "nobody",
        kind: "webhook",
        url: `http://127.0.0.1:${freePort()}/`,
        secret: "secret-of-a-test-0123456789",
      }],
      sinks: [child(probe, { name: "probe", args: state })],
      monitor: {
        intervalMs: 1_000,
        metrics: [{
          name: OWN_METRIC,
          kind: "gauge",
          help: "Gap of a desk",
          labels: ["desk"],
          alert: { raise: 1, forMs: 0, severity: "page", summary: "Gap of {labels} is {value}" },
        }],
      },
      admin: {
        about: { name: "wick", version: "1.2.3" },
        // The same port after a restart: pages come back to where they were.
        options: { port: freePort(), tokens: TOKENS },
      },
      system: { log: () => {} },
    });
    try {
      const { url } = await wick.admin.ask("status", {});
      await wick.backfill.ask("start", {
        job: {
          name: JOB,
          symbols: Array.from({ length: JOB_SYMBOLS }, (_, i) => `DEMO${i}`),
          kinds: ["prices", "dividends", "profiles"],
          provider: "simulated",
        },
        mode: "restart",
      });
      // Its calls would leave none of the provider's limit to the cache.
      await wick.backfill.ask("pause", { name: JOB });
      return new Board(wick, url, state);
    } catch (error) {
      await wick.system.stop();
      throw error;
    }
  }

  /** A node as the tree has it now. */
  node(path: string): TreeNode | null {
    const look = (node: TreeNode): TreeNode | null =>
      node.path === path ? node : node.children.map(look).find((one) => one !== null) ?? null;
    return look(this.wick.system.tree());
  }

  /** Makes the alert fire, about a desk of this name. */
  measureGap(desk: string): void {
    this.wick.measure([{ name: OWN_METRIC, labels: { desk }, value: 5 }]);
  }

  /** Ends the thread of the label worker; its path. */
  killThread(): string {
    const path = `/wick/${PATHS.workers}/worker-0`;
    const node = this.wick.system.nodeAt(path);
    if (!(node instanceof ThreadNode)) throw new Error(`Cannot kill ${path}: it has no thread`);
    node.kill();
    return path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.wick.system.stop();
  }
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
