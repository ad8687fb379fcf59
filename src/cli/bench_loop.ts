/**
 * An open loop: requests are due at a fixed rate, and latency counts from when they were due
 * (G. Tene, "How NOT to measure latency": a closed loop omits the requests a stall kept back).
 *
 * @module
 */

import type { Histogram } from "../monitor/histogram.ts";
import { Exit } from "./exit_code.ts";
import type { CliIo } from "./io.ts";
import { pause } from "./pause.ts";
import { ServiceError } from "./service_client.ts";

/** How long answers may take after the last request was due, ms. */
const GRACE_MS = 30_000;

/** Timers come at whole milliseconds; what falls due within one is started together. */
const TICK_MS = 1;

/** How a loop runs. */
export interface LoopOptions {
  /** Requests a second. */
  readonly rate: number;
  readonly seconds: number;
  readonly underWayMax: number;
  /** Makes request number `index`; what it throws is a failure, or a refusal by its exit code. */
  readonly run: (index: number) => Promise<void>;
  /** Told of each answer, ms from when it was due. */
  readonly latencies: Histogram;
}

/** What became of the requests; `due` = ok + refused + failed + unsent at the end. */
export interface BenchCounts {
  readonly due: number;
  readonly ok: number;
  /** Answered with 429 or 503. */
  readonly refused: number;
  readonly failed: number;
  /** The first failure's text; empty when there was none. */
  readonly firstFailure: string;
  /** Due, and not started before the end. */
  readonly unsent: number;
  readonly tookMs: number;
}

/** See the module. */
export class OpenLoop {
  readonly #io: CliIo;
  readonly #options: LoopOptions;
  #startMs = 0;
  #tookMs = 0;
  #started = 0;
  #ok = 0;
  #refused = 0;
  #failed = 0;
  #firstFailure = "";
  #underWay = 0;
  /** Called when a request ends. */
  #wake = () => {};

  constructor(io: CliIo, options: LoopOptions) {
    this.#io = io;
    this.#options = options;
  }

  /** Until every request that was due is over, or an interrupt. */
  async run(): Promise<void> {
    const { clock, interrupted } = this.#io;
    const { rate, seconds } = this.#options;
    const total = Math.max(1, Math.floor(rate * seconds));
    this.#startMs = clock.now();
    const giveUpMs = this.#startMs + 1_000 * seconds + GRACE_MS;
    while (this.#started < total && !interrupted.aborted && clock.now() < giveUpMs) {
      this.#startDue(total);
      if (this.#started >= total) break;
      const waitMs = this.#dueAtMs(this.#started) - clock.now();
      // With all places taken the next request waits for one, and its latency counts on.
      if (this.#underWay >= this.#options.underWayMax) await this.#ended(giveUpMs);
      else if (!await pause(Math.max(TICK_MS, waitMs), this.#io)) break;
    }
    while (this.#underWay > 0 && clock.now() < giveUpMs && !interrupted.aborted) {
      await this.#ended(giveUpMs);
    }
    this.#tookMs = clock.now() - this.#startMs;
  }

  /** So far. */
  counts(): BenchCounts {
    const tookMs = this.#tookMs || this.#io.clock.now() - this.#startMs;
    const { rate, seconds } = this.#options;
    const due = Math.min(Math.max(1, Math.floor(rate * seconds)), Math.ceil(rate * tookMs / 1_000));
    return {
      due: Math.max(due, this.#started),
      ok: this.#ok,
      refused: this.#refused,
      failed: this.#failed,
      firstFailure: this.#firstFailure,
      unsent: Math.max(due, this.#started) - this.#ok - this.#refused - this.#failed,
      tookMs,
    };
  }

  #dueAtMs(index: number): number {
    return this.#startMs + index * 1_000 / this.#options.rate;
  }

  #startDue(total: number): void {
    const nowMs = this.#io.clock.now();
    while (
      this.#started < total && this.#underWay < this.#options.underWayMax &&
      this.#dueAtMs(this.#started) <= nowMs
    ) {
      void this.#request(this.#started++);
    }
  }

  async #request(index: number): Promise<void> {
    this.#underWay++;
    try {
      await this.#options.run(index);
      this.#ok++;
      this.#options.latencies.record(this.#io.clock.now() - this.#dueAtMs(index));
    } catch (error) {
      if (error instanceof ServiceError && error.exitCode === Exit.tryAgain) this.#refused++;
      else {
        this.#failed++;
        this.#firstFailure ||= error instanceof Error ? error.message : String(error);
      }
    }
    this.#underWay--;
    this.#wake();
  }

  /** Until a request ends, an interrupt comes, or it is time to give up. */
  async #ended(giveUpMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const { clock, interrupted } = this.#io;
    const cancel = clock.setTimer(giveUpMs - clock.now(), resolve);
    const onAbort = () => resolve();
    interrupted.addEventListener("abort", onAbort, { once: true });
    await promise;
    cancel();
    interrupted.removeEventListener("abort", onAbort);
  }
}
