/**
 * Candles pushed over HTTP: bytes in, batches to the service, and an account of every line.
 *
 * ## Flow
 * Lines become columns at once. A full batch is sent, and reading goes on while up to a few batches
 * are being committed; then reading waits, and with it, through the connection, the sender.
 *
 * ## Refusals
 * A push that is not `bulk` is refused as soon as one of its batches is. A `bulk` one waits for room:
 * the batches under way are let finish, those refused are sent again in their order, and fewer go at
 * a time from then on (half as many after a refusal, one more after a commit: additive increase,
 * multiplicative decrease, V. Jacobson 1988). A batch that failed (a thread died, say) is sent again
 * a few times whatever the push: nothing of it was committed, or sending it twice is harmless.
 *
 * ## What the answer means
 * Everything that it counts as accepted is committed. When it is a problem instead, `pushed` says
 * through which line everything is committed, so that a sender can go on from the next one.
 *
 * @module
 */

import type { z } from "zod";
import { type Clock, nextTurn, pause } from "../actor/clock.ts";
import type { CandleBlock, SeriesKey } from "../market/block.ts";
import { MarketError } from "../market/error.ts";
import { ndjsonReader } from "../market/ndjson.ts";
import type { CandleReader } from "../market/reader.ts";
import { type Rejection, rejectReasonName } from "../market/reject.ts";
import { PUSH_BATCHES_UNDER_WAY, PUSH_ROOM_WAIT_MS } from "./limits.ts";
import type { DataPort, PushOutcome } from "./port.ts";
import {
  HttpProblem,
  problemOf,
  type ProblemParts,
  refusedProblem,
  retryAfter,
} from "./problem.ts";
import { type pushReply, REFUSALS_SHOWN_MAX } from "./schemas.ts";

/** How a push is taken. */
export interface PushOptions {
  /** Series of candles that do not name one; null: each has to. */
  readonly series: SeriesKey | null;
  /** 0 to 10; 10 is refused last. */
  readonly priority: number;
  /** Wait for room instead of being refused. */
  readonly bulk: boolean;
  /** Rows of a batch. */
  readonly batchRows: number;
  readonly clock: Clock;
}

/** How often a batch that failed is sent again, and after how long first; the pause doubles. */
const FAILED_TRIES_MAX = 4;
const FAILED_PAUSE_MS = 100;

/** Reading that the loop is held up for at a time: a body that is all there would else be one turn. */
const TURN_MS = 1;

type Committed = Extract<PushOutcome, { seq: number }>;

interface Batch {
  readonly blocks: readonly CandleBlock[];
  readonly rows: number;
  /** Lines read up to its end. */
  readonly throughLine: number;
  outcome: Promise<PushOutcome>;
}

/** One push under way. Feed it bytes, then finish it. */
export class Push {
  readonly #data: DataPort;
  readonly #options: PushOptions;
  readonly #reader: CandleReader;
  readonly #refusals: Rejection[] = [];
  /** Sent and not answered, oldest first. */
  readonly #underWay: Batch[] = [];
  #window = 2;
  #sentRows = 0;
  #accepted = 0;
  #throughLine = 0;
  #commit: Committed | null = null;
  /** Time spent reading in this turn, ms. */
  #readMs = 0;

  constructor(data: DataPort, options: PushOptions) {
    this.#data = data;
    this.#options = options;
    this.#reader = ndjsonReader({
      series: options.series,
      onReject: (rejection) => {
        if (this.#refusals.length < REFUSALS_SHOWN_MAX) this.#refusals.push(rejection);
      },
    });
  }

  /** Takes the next bytes; resolves when more may come. @throws {HttpProblem} */
  async push(bytes: Uint8Array): Promise<void> {
    const { clock } = this.#options;
    const fromMs = clock.now();
    this.#read(() => this.#reader.push(bytes));
    this.#readMs += clock.now() - fromMs;
    if (this.#readMs >= TURN_MS) await this.#turn();
    if (this.#reader.counts().accepted - this.#sentRows < this.#options.batchRows) return;
    await this.#send();
  }

  /** Takes the last line, and answers when everything is committed. @throws {HttpProblem} */
  async finish(): Promise<z.input<typeof pushReply>> {
    this.#read(() => this.#reader.finish());
    if (this.#reader.counts().accepted > this.#sentRows) await this.#send();
    while (this.#underWay.length > 0) await this.#settle();
    const { accepted, rejected } = this.#reader.counts();
    if (accepted === 0 && rejected > 0) {
      throw new HttpProblem(422, "no_candles", "Cannot take any line: none is a candle", {
        issues: this.#refusals.slice(0, 20).map(({ line, message }) => ({
          path: `line ${line}`,
          message,
        })),
      });
    }
    return {
      accepted,
      refused: rejected,
      refusals: this.#refusals.map(({ line, reason, message, excerpt }) => ({
        line,
        reason: rejectReasonName(reason),
        message,
        excerpt,
      })),
      commit: this.#commit,
    };
  }

  /** A problem with what is committed in spite of it. */
  problemOf(error: unknown): HttpProblem {
    const { status, code, message, parts, headers } = problemOf(error);
    return new HttpProblem(status, code, message, { ...parts, ...this.#pushed() }, headers);
  }

  /** Waits until nothing is under way, whatever became of it: before an answer that is a problem. */
  async letFinish(): Promise<void> {
    for (const { outcome } of this.#underWay.splice(0)) await outcome.catch(() => {});
  }

  /** Lets others have the loop. */
  async #turn(): Promise<void> {
    this.#readMs = 0;
    await new Promise<void>((resolve) => void nextTurn(resolve));
  }

  #pushed(): ProblemParts {
    if (this.#commit === null) return {};
    const commit = this.#commit;
    return { pushed: { accepted: this.#accepted, throughLine: this.#throughLine, commit } };
  }

  #read(read: () => void): void {
    try {
      read();
    } catch (error) {
      if (!(error instanceof MarketError)) throw error;
      throw new HttpProblem(422, error.code, error.message);
    }
  }

  async #send(): Promise<void> {
    while (this.#underWay.length >= this.#window) await this.#settle();
    const { accepted, lines } = this.#reader.counts();
    const rows = accepted - this.#sentRows;
    this.#sentRows = accepted;
    const blocks = this.#reader.take();
    this.#underWay.push({ blocks, rows, throughLine: lines, outcome: this.#ingest(blocks) });
  }

  /** Never rejects unhandled: whoever settles the batch sees it. */
  #ingest(blocks: readonly CandleBlock[]): Promise<PushOutcome> {
    const { priority, bulk } = this.#options;
    const outcome = Promise.try(() => this.#data.ingest({ blocks, priority, bulk }));
    outcome.catch(() => {});
    return outcome;
  }

  /** Waits for the oldest batch, sending it again where that helps. */
  async #settle(): Promise<void> {
    const batch = this.#underWay[0] as Batch;
    const { clock, bulk } = this.#options;
    const untilMs = clock.now() + PUSH_ROOM_WAIT_MS;
    let tries = 0;
    while (true) {
      const outcome = await batch.outcome;
      if ("seq" in outcome) return this.#count(batch, outcome);
      this.#window = Math.max(1, this.#window >> 1);
      const isRoom = outcome.state === "refused" && (outcome.code === "room" || bulk);
      const mayWait = isRoom ? bulk && clock.now() < untilMs : outcome.state === "failed" &&
        ++tries < FAILED_TRIES_MAX;
      if (!mayWait) throw problemOfOutcome(outcome);
      await this.#othersEnd();
      await pause(clock, isRoom ? outcome.retryAfterMs : FAILED_PAUSE_MS * 2 ** (tries - 1));
      batch.outcome = this.#ingest(batch.blocks);
    }
  }

  /** Batches sent after one that was not taken: those not taken either wait for their turn. */
  async #othersEnd(): Promise<void> {
    for (const other of this.#underWay.slice(1)) await other.outcome.catch(() => {});
  }

  #count(batch: Batch, outcome: Committed): void {
    this.#underWay.shift();
    this.#window = Math.min(PUSH_BATCHES_UNDER_WAY, this.#window + 1);
    this.#accepted += batch.rows;
    this.#throughLine = batch.throughLine;
    const before = this.#commit;
    this.#commit = before === null ? outcome : {
      state: outcome.state,
      seq: Math.max(before.seq, outcome.seq),
      candles: before.candles + outcome.candles,
      corrected: before.corrected + outcome.corrected,
      labels: before.labels + outcome.labels,
      revised: before.revised + outcome.revised,
    };
  }
}

function problemOfOutcome(outcome: Exclude<PushOutcome, Committed>): HttpProblem {
  if (outcome.state === "refused") return refusedProblem(outcome);
  const detail = "Cannot commit the candles now: the service could not work them out";
  return new HttpProblem(503, "failed", detail, { retryAfterMs: 1_000 }, retryAfter(1_000));
}
