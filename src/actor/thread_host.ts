/**
 * The threads themselves: how one is made, kept in reserve, and ended for certain.
 *
 * @module
 */

import { MessageChannel as NodeChannel, Worker } from "node:worker_threads";
import { textOf } from "./errors.ts";
import type { Runtime, ThreadSpares } from "./node.ts";

/** How a thread is run. */
export interface ThreadOptions {
  /** Module that calls `serveThread` with the same actor. */
  readonly entry: URL;
  /** V8 limits of the thread, MB. */
  readonly resourceLimits?: { readonly maxOldGenerationSizeMb?: number };
  /** Silence after which the thread counts as hung; at least 200, default 10,000 ms. */
  readonly hangMs?: number;
  /** Messages that may be moved over and unhandled; default 4,096. */
  readonly creditMessages?: number;
  /** Bytes that may be moved over and unhandled; default 32 MiB. */
  readonly creditBytes?: number;
  /**
   * Keeps one started thread in reserve once one had to be started again, so that further restarts do
   * not wait for it: 25 MB with the modules of a worker, which most threads never need.
   */
  readonly prewarm?: boolean;
}

/** How long an ended thread may take to be gone before it counts as a zombie. */
const ZOMBIE_AFTER_MS = 2_000;

/**
 * A thread and the port to it. A port of our own carries the messages: Node's parent port walks
 * every received value in search of ports, which costs more than the message.
 */
export interface Thread {
  readonly worker: Worker;
  readonly port: MessagePort;
  /** Resolves when its isolate is gone; `terminate()` resolves while a loop in it burns on. */
  readonly gone: Promise<void>;
  /** Keeps the event loop alive until then. */
  readonly holdOn: () => void;
}

function makeThread(options: ThreadOptions): Thread {
  const { port1, port2 } = new MessageChannel();
  // A port that the thread holds closes with its isolate, whatever that was doing.
  const { port1: listener, port2: lifeline } = new NodeChannel();
  const gone = new Promise<void>((resolve) => listener.once("close", () => resolve()));
  listener.on("message", () => {}); // only a started port hears of its close
  listener.unref();
  const worker = new Worker(options.entry, {
    workerData: { port: port2, lifeline },
    // Node's types know only its own ports.
    transferList: [port2 as unknown as ArrayBuffer, lifeline],
    ...(options.resourceLimits === undefined ? {} : { resourceLimits: options.resourceLimits }),
  });
  return { worker, port: port1, gone, holdOn: () => listener.ref() };
}

function spareKey(options: ThreadOptions): string {
  return `${options.entry.href} ${JSON.stringify(options.resourceLimits ?? {})}`;
}

/** Started threads in reserve, one per entry module and limits. */
export class Spares implements ThreadSpares {
  readonly #threads = new Map<string, Thread>();

  /** A thread for `options`: the reserve one if there is one. */
  take(options: ThreadOptions): Thread {
    const key = spareKey(options);
    const spare = this.#threads.get(key);
    if (spare === undefined) return makeThread(options);
    this.#threads.delete(key);
    spare.worker.removeAllListeners();
    spare.worker.ref();
    return spare;
  }

  /** Makes sure that one is in reserve. */
  prewarm(options: ThreadOptions): void {
    const key = spareKey(options);
    if (this.#threads.has(key)) return;
    const thread = makeThread(options);
    const { worker } = thread;
    const gone = () => {
      this.#threads.delete(key);
      thread.port.close();
    };
    worker.unref();
    worker.on("error", gone);
    worker.on("exit", gone);
    this.#threads.set(key, thread);
  }

  async end(): Promise<void> {
    const threads = [...this.#threads.values()];
    this.#threads.clear();
    for (const { worker, port } of threads) {
      worker.removeAllListeners().on("error", () => {});
      port.close();
    }
    await Promise.all(threads.map(async ({ worker, gone, holdOn }) => {
      holdOn();
      await worker.terminate();
      await gone;
    }));
  }
}

/**
 * Ends a thread. One in a synchronous loop cannot be ended: it burns on as a zombie, which is
 * reported, since it takes a core.
 */
export function endThread({ worker, port, gone }: Thread, path: string, runtime: Runtime): void {
  port.close();
  const known = Promise.withResolvers<void>();
  let zombie = false;
  const cancel = runtime.clock.setTimer(ZOMBIE_AFTER_MS, () => {
    zombie = true;
    runtime.zombie(path);
    known.resolve();
  });
  void gone.then(() => {
    cancel();
    if (zombie) runtime.zombieEnded(path);
    known.resolve();
  });
  worker.on("error", () => {});
  worker.terminate().catch((error: unknown) => {
    runtime.log?.("error", path, "its thread could not be ended", { error: textOf(error) });
  });
  // A thread that cannot be ended must not hold up the end of everything else.
  runtime.awaitAtStop(known.promise);
}
