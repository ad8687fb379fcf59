/**
 * A webhook: delivers the label log to one URL, in order, at least once.
 *
 * ## One at a time
 * A batch is read from the log, signed and posted; when the receiver took it, its place is written
 * to the store, and only then comes the next one. After a crash the batch whose place was not
 * written comes again, and no other. Nothing is pushed here: a commit only wakes it, and it reads
 * what the log has, so neither a slow receiver nor a dead one holds anybody up.
 *
 * ## Trouble
 * - the *receiver* answers with anything but 2xx, not in time, or not at all: the same batch again
 *   after 1 s·2^n up to 60 s, later if it says so (`Retry-After`); after some failures in a row the
 *   breaker is open. 413 halves the batches.
 * - the *store* cannot be read or written: 1 s·2^n up to 15 s.
 *
 * ## Several nodes
 * The node with the duty `webhook/NAME` delivers, from the place in the store, which all nodes
 * have; the others stand by. When the duty moves, the batch whose place was not written comes
 * again. A node that was held up and does not know yet that it has lost the duty may send one batch
 * more, which the receiver has seen; nothing is ever skipped. Pause, resume and seek on any node go
 * for all, by way of a record.
 *
 * @module
 */

import { actor, type Context, type Ref, textOf } from "../src/actor/mod.ts";
import { type BackoffBounds, backoffMs } from "../src/feed/backoff.ts";
import { Breaker } from "../src/feed/breaker.ts";
import { type LabelPlace, parsePlace, placeText } from "../src/http/label_lines.ts";
import type { LabelLogPort } from "../src/http/port.ts";
import { WebhookBatches } from "../src/http/webhook/batches.ts";
import {
  type CallFailure,
  type CallOutcome,
  fetchWebhook,
  type WebhookCall,
  webhookRequest,
} from "../src/http/webhook/call.ts";
import {
  shownUrl,
  WEBHOOK_BOUNDS,
  type WebhookBounds,
  type WebhookSpec,
} from "../src/http/webhook/options.ts";
import {
  putWebhookControl,
  putWebhookPosition,
  WEBHOOK_RECORDS,
  type WebhookControl,
  webhookControl,
  webhookPosition,
} from "../src/http/webhook/position.ts";
import { post } from "../src/http/webhook/post.ts";
import type { WebhookStatus } from "../src/http/webhook/status.ts";
import type { Store as StorePort } from "../src/store/port.ts";
import type { Duties } from "../src/store/nodes/duties.ts";
import type { RecordNews } from "../src/store/nodes/record_news.ts";
import { type Store, Webhook, type WebhookOutcome } from "./protocols.ts";

/** How a webhook is set up. */
export interface WebhookArgs {
  readonly store: Ref<typeof Store.definition>;
  /** The log that is delivered. */
  readonly log: LabelLogPort;
  readonly spec: WebhookSpec;
  /** Default {@linkcode WEBHOOK_BOUNDS}. */
  readonly bounds?: Partial<WebhookBounds>;
  /** Makes the calls; default `fetch`. */
  readonly call?: WebhookCall;
  /** Where several nodes share it; default: this process delivers. */
  readonly shared?: {
    /** Name of this node. */
    readonly node: string;
    readonly duties: Duties;
    readonly news: RecordNews;
  };
}

const EPOCHS_PER_INCARNATION = 2 ** 32;
const ANSWER = { timeoutMs: 60_000 } as const;
/** Stopping does not wait longer for the last write. */
const LAST_ANSWER = { timeoutMs: 2_000 } as const;
/** A disk has room again when somebody has made it. */
const STORE_BACKOFF: BackoffBounds = { minMs: 1_000, maxMs: 15_000 };
/** A place that moved without a delivery, past rows of other series, is worth a write so often. */
const PASSED_EVERY_MS = 10_000;

/** See {@linkcode Webhook}. */
export const webhook = actor(Webhook, async (ctx, args: WebhookArgs) => {
  const run = new WebhookRun(ctx, args);
  ctx.onStop(() => run.stop());
  await run.start();
  return {
    go: () => run.go(),
    done: ({ epoch, outcome }) => run.done(epoch, outcome),
    pause: () => run.pause(),
    resume: () => run.resume(),
    seek: ({ after }) => {
      if (args.shared === undefined) return run.seek(parsePlace(after));
      const reply = ctx.defer<{ after: string }>();
      run.seekAll(parsePlace(after)).then((found) => reply.resolve(found), reply.reject);
      return reply;
    },
    duties: () => run.dutiesChanged(),
    changed: () => void run.look(),
    status: () => run.status(),
  };
});

/** What is waited for, in milliseconds of the clock. */
interface Trouble {
  readonly for: "receiver" | "store";
  readonly code: string;
  readonly reason: string;
  readonly sinceMs: number;
  readonly nextTryMs: number;
}

class WebhookRun {
  readonly #ctx: Context<typeof Webhook.definition>;
  readonly #args: WebhookArgs;
  readonly #bounds: WebhookBounds;
  readonly #call: WebhookCall;
  readonly #breaker: Breaker;
  readonly #endNews: () => void;
  #batches: WebhookBatches;
  #abort = new AbortController();
  /** Of deliveries: what one of an earlier epoch came to is of no concern. */
  #epoch: number;
  #underWay: Promise<void> | null = null;
  /** It waits for a commit, and nothing else. */
  #isIdle = false;
  #isPaused = false;
  /** Place as the store has it; null = it has none. */
  #written: string | null = null;
  #writtenMs = 0;
  #startedMs = -Infinity;
  #trouble: Trouble | null = null;
  #storeFailures = 0;
  readonly #counts = { batches: 0, rows: 0, failures: 0 };
  #gaps = 0;
  #lastError: string | null = null;
  #lastErrorTs: number | null = null;
  #lastTakenTs: number | null = null;
  #lastTookMs: number | null = null;
  /** This node delivers. */
  #isHere: boolean;
  /** How often it was sent somewhere else, by the place it goes on from. */
  #seeks = 0;
  /** Another node has written the place meanwhile: it is read again before anything is sent. */
  #isOutdated = false;
  #lastNode: string | null = null;

  constructor(ctx: Context<typeof Webhook.definition>, args: WebhookArgs) {
    this.#ctx = ctx;
    this.#args = args;
    this.#bounds = { ...WEBHOOK_BOUNDS, ...args.bounds };
    this.#call = args.call ?? fetchWebhook;
    this.#breaker = new Breaker({ backoff: this.#bounds.backoff });
    this.#epoch = ctx.incarnation * EPOCHS_PER_INCARNATION;
    this.#batches = this.#batchesFrom({ seq: 0, row: Infinity });
    const ends = [args.log.onCommit(() => {
      if (this.#isIdle) this.#nextInTime();
    })];
    this.#isHere = this.#owns();
    if (args.shared !== undefined) {
      const { duties, news } = args.shared;
      ends.push(duties.watch(() => void ctx.self.tell("duties", {})));
      ends.push(news.watch((changed) => {
        const isMine = changed?.some(({ kind, key }) =>
          key === args.spec.name && WEBHOOK_RECORDS.includes(kind)
        );
        if (isMine ?? true) ctx.self.tell("changed", {});
      }));
    }
    this.#endNews = () => ends.forEach((end) => end());
  }

  #owns(): boolean {
    return this.#args.shared?.duties.owns(`webhook/${this.#args.spec.name}`) ?? true;
  }

  #recordsIn(answer: { readonly timeoutMs: number } = ANSWER) {
    const { store } = this.#args;
    return {
      record: (kind: string, key: string) => store.ask("record", { kind, key }, answer),
      putRecord: (kind: string, key: string, json: string) =>
        store.ask("putRecord", { kind, key, json }, answer),
    };
  }

  async start(): Promise<void> {
    if (this.#args.shared !== undefined) await this.look();
    if (!this.#isHere) return;
    await this.#load();
    this.#next();
  }

  /** Goes on from the place in the store. */
  async #load(): Promise<void> {
    const { store, spec, shared } = this.#args;
    const kept = await webhookPosition(this.#recordsIn(), spec.name);
    this.#written = kept === null ? null : placeText(kept.place);
    this.#lastNode = kept?.node ?? this.#lastNode;
    this.#seeks = kept?.seeks ?? 0;
    const seq = kept === null ? spec.after ?? await store.ask("seq", {}, ANSWER) : 0;
    let place = kept?.place ?? { seq, row: Infinity };
    const control = shared === undefined
      ? null
      : await webhookControl(this.#recordsIn(), spec.name);
    if (control !== null && control.after !== null && control.seeks > this.#seeks) {
      place = parsePlace(control.after);
      this.#seeks = control.seeks;
      this.#written = null;
    }
    this.#batches = this.#batchesFrom(place);
    this.#gaps = 0;
    this.#isOutdated = false;
  }

  async stop(): Promise<void> {
    this.#endNews();
    this.#abort.abort(new Error("the webhook stops"));
    await this.#underWay;
    if (!this.#isHere || placeText(this.#batches.place) === this.#written) return;
    // What cannot be written now is delivered once more.
    await this.#write(this.#batches.place, LAST_ANSWER).catch(() => {});
  }

  #batchesFrom(place: LabelPlace): WebhookBatches {
    const { name, series = null } = this.#args.spec;
    const { rowsMax, bytesMax, readRowsMax } = this.#bounds;
    const only = series === null ? null : new Set(series);
    const options = { webhook: name, series: only, rowsMax, bytesMax, readRowsMax };
    return new WebhookBatches(this.#args.log, options, place);
  }

  // ---- delivering
  // -----------------------------------------------------------------------------------

  #next(delayMs = 0): void {
    this.#isIdle = false;
    this.#ctx.timer("go", { delayMs }, "go", {});
  }

  /** The next turn at its distance from the last one. */
  #nextInTime(): void {
    this.#next(Math.max(0, this.#startedMs + this.#bounds.everyMs - this.#ctx.clock.now()));
  }

  go(): void {
    if (this.#underWay !== null || this.#isPaused || !this.#isHere) return;
    const epoch = this.#epoch;
    const { signal } = this.#abort;
    this.#isIdle = false;
    this.#startedMs = this.#ctx.clock.now();
    if (this.#breaker.failures > 0) this.#breaker.trying();
    this.#underWay = this.#loadedBatches().then((batches) => this.#deliver(batches, signal)).then(
      (outcome) => outcome,
      (error): WebhookOutcome => ({ state: "store", message: textOf(error) }),
    ).then((outcome) => {
      this.#underWay = null;
      this.#ctx.self.tell("done", { epoch, outcome });
    });
  }

  async #loadedBatches(): Promise<WebhookBatches> {
    if (this.#isOutdated) await this.#load();
    return this.#batches;
  }

  /** Rejects when the store cannot be read or written. */
  async #deliver(batches: WebhookBatches, signal: AbortSignal): Promise<WebhookOutcome> {
    // New, moved, or taken and not written: nothing more before it is.
    await this.#keep(batches, this.#storeFailures > 0 || this.#written === null);
    const batch = await batches.next();
    if (batch === null) {
      await this.#keep(batches, false);
      return { state: "nothing" };
    }
    signal.throwIfAborted();
    const outcome = await this.#post(batch.body, signal);
    if (outcome.state === "failed") {
      return { ...outcome, isSmaller: this.#shrinks(batches, outcome) };
    }
    batches.taken();
    this.#lastTakenTs = this.#ctx.clock.wallNow();
    this.#lastTookMs = this.#ctx.clock.now() - this.#startedMs;
    this.#counts.batches++;
    this.#counts.rows += batch.rows;
    await this.#keep(batches, true);
    return { state: "taken" };
  }

  #shrinks(batches: WebhookBatches, { code }: CallFailure): boolean {
    return code === "too_large" && batches.shrink();
  }

  #post(body: string, stopping: AbortSignal): Promise<CallOutcome> {
    const { clock } = this.#ctx;
    const { timeoutMs } = this.#bounds;
    const request = webhookRequest(this.#args.spec, body, clock.wallNow());
    return post(request, { clock, call: this.#call, timeoutMs, stopping });
  }

  /** Writes the place when it has moved; one that passed rows of others only now and then. */
  async #keep(batches: WebhookBatches, now: boolean): Promise<void> {
    const { place } = batches;
    if (placeText(place) === this.#written || batches !== this.#batches) return;
    if (now || this.#ctx.clock.now() - this.#writtenMs >= PASSED_EVERY_MS) {
      await this.#write(place, ANSWER);
    }
  }

  async #write(place: LabelPlace, answer: { readonly timeoutMs: number }): Promise<void> {
    const { spec, shared } = this.#args;
    const node = shared?.node ?? null;
    const records = this.#recordsIn(answer);
    if (node !== null) await this.#assertMine(records);
    const result = await putWebhookPosition(
      records,
      spec.name,
      { place, seeks: this.#seeks, node },
    );
    if (result.state === "refused") throw new Error(result.message);
    this.#written = placeText(place);
    this.#writtenMs = this.#ctx.clock.now();
  }

  /** Another node may have delivered meanwhile: then its place counts, and not this node's. */
  async #assertMine(records: Pick<StorePort, "record">): Promise<void> {
    const kept = await webhookPosition(records, this.#args.spec.name);
    const isMine = this.#written === null ||
      (kept !== null && placeText(kept.place) === this.#written);
    if (isMine && this.#owns()) return;
    this.#isOutdated = true;
    throw new Error("another node delivers");
  }

  // ---- what it came to
  // ------------------------------------------------------------------------------

  done(epoch: number, outcome: WebhookOutcome): void {
    if (!this.#isHere) return;
    if (epoch !== this.#epoch) return this.#next();
    this.#sayGaps();
    if (outcome.state === "store") {
      return this.#wait("store", "store", outcome.message, this.#storePauseMs());
    }
    this.#storeFailures = 0;
    if (outcome.state === "failed") return this.#failed(outcome);
    // Nothing to deliver says nothing about the receiver.
    if (outcome.state === "taken") this.#succeeded();
    else if (this.#trouble?.for === "store") this.#trouble = null;
    if (this.#isPaused) return;
    if (!this.#batches.hasMore) {
      this.#isIdle = true;
      return;
    }
    this.#nextInTime();
  }

  #succeeded(): void {
    if (this.#breaker.state !== "closed") this.#ctx.log("info", "the receiver takes labels again");
    this.#breaker.succeeded();
    this.#trouble = null;
  }

  #failed(outcome: CallFailure & { readonly isSmaller: boolean }): void {
    const { code, message, retryAfterMs, isSmaller } = outcome;
    this.#counts.failures++;
    if (isSmaller) {
      this.#ctx.log("info", "the receiver takes smaller batches only", { code });
      return this.#next(this.#bounds.everyMs);
    }
    const { clock, random } = this.#ctx;
    const pauseMs = Math.max(this.#breaker.failed(clock.now(), random), retryAfterMs ?? 0);
    this.#wait("receiver", code, message, pauseMs);
  }

  #storePauseMs(): number {
    return backoffMs(this.#storeFailures++, STORE_BACKOFF, this.#ctx.random);
  }

  #wait(who: Trouble["for"], code: string, reason: string, pauseMs: number): void {
    const nowMs = this.#ctx.clock.now();
    const sinceMs = this.#trouble?.for === who ? this.#trouble.sinceMs : nowMs;
    this.#trouble = { for: who, code, reason, sinceMs, nextTryMs: nowMs + pauseMs };
    this.#lastError = reason;
    this.#lastErrorTs = this.#ctx.clock.wallNow();
    const breaker = this.#breaker.state;
    const level = breaker === "closed" ? "warn" : "error";
    this.#ctx.log(level, "a batch waits", { for: who, code, message: reason, pauseMs, breaker });
    if (!this.#isPaused) this.#next(pauseMs);
  }

  #sayGaps(): void {
    const { gaps, place } = this.#batches;
    if (gaps === this.#gaps) return;
    this.#gaps = gaps;
    this.#ctx.log("error", "rows of the log were given up before they were delivered", {
      through: placeText(place),
    });
  }

  // ---- from outside
  // ---------------------------------------------------------------------------------

  pause(): void {
    this.#isPaused = true;
    this.#tellAll({ isPaused: true });
  }

  resume(): void {
    this.#isPaused = false;
    this.#tellAll({ isPaused: false });
    this.#next();
  }

  #tellAll(told: Partial<WebhookControl>): void {
    if (this.#args.shared === undefined) return;
    this.#control(told).catch((error) =>
      this.#ctx.log("warn", "the other nodes could not be told", { reason: textOf(error) })
    );
  }

  async #control(told: Partial<WebhookControl>): Promise<WebhookControl> {
    const { name } = this.#args.spec;
    const before = await webhookControl(this.#recordsIn(), name);
    const control = { ...before, ...told };
    const result = await putWebhookControl(this.#recordsIn(), name, control);
    if (result.state === "refused") throw new Error(result.message);
    return control;
  }

  /** As {@linkcode seek}, on whichever node delivers. */
  async seekAll(asked: LabelPlace): Promise<{ after: string }> {
    const after = placeText(this.#bounded(asked));
    const { seeks } = await webhookControl(this.#recordsIn(), this.#args.spec.name);
    await this.#control({ after, seeks: seeks + 1 });
    return { after };
  }

  /** Looks at what all nodes were told, and, standing by, how far the other one is. */
  async look(): Promise<void> {
    const { name } = this.#args.spec;
    try {
      const control = await webhookControl(this.#recordsIn(), name);
      const wasPaused = this.#isPaused;
      this.#isPaused = control.isPaused;
      if (!this.#isHere) {
        const kept = await webhookPosition(this.#recordsIn(), name);
        if (kept === null || this.#isHere) return;
        this.#lastNode = kept.node;
        this.#batches = this.#batchesFrom(kept.place);
        return;
      }
      if (control.after !== null && control.seeks > this.#seeks && !this.#isOutdated) {
        this.#seeks = control.seeks;
        this.seek(parsePlace(control.after));
      } else if (wasPaused && !this.#isPaused) this.#next();
    } catch (error) {
      this.#ctx.log("warn", "cannot see what all nodes were told", { reason: textOf(error) });
    }
  }

  /** The duty came or went. */
  dutiesChanged(): void {
    const isHere = this.#owns();
    if (isHere === this.#isHere) return;
    this.#isHere = isHere;
    this.#epoch++;
    this.#abort.abort(new Error("another node delivers"));
    this.#abort = new AbortController();
    this.#trouble = null;
    this.#isIdle = false;
    this.#ctx.log("info", isHere ? "delivers from now on" : "another node delivers");
    if (!isHere) return void this.look();
    this.#isOutdated = true;
    if (this.#underWay === null) this.#next();
  }

  seek(asked: LabelPlace): { after: string } {
    const place = this.#bounded(asked);
    this.#epoch++;
    this.#abort.abort(new Error("it goes on somewhere else"));
    this.#abort = new AbortController();
    this.#batches = this.#batchesFrom(place);
    this.#gaps = 0;
    this.#written = null;
    this.#trouble = null;
    // What is under way says so when it has ended.
    if (this.#underWay === null) this.#next();
    return { after: placeText(place) };
  }

  #bounded(asked: LabelPlace): LabelPlace {
    const seq = this.#args.log.seq();
    return asked.seq > seq ? { seq, row: Infinity } : asked;
  }

  status(): WebhookStatus {
    const { clock } = this.#ctx;
    const { spec: { name, url, series = null }, log } = this.#args;
    const tsOf = (ms: number) => Math.round(clock.wallNow() + ms - clock.now());
    const { hand, place } = this.#batches;
    const { state, failures } = this.#breaker;
    const trouble = this.#trouble;
    return {
      name,
      url: shownUrl(url),
      series: series === null ? null : [...series],
      state: this.#state(),
      ...this.#nodeShown(),
      waiting: trouble === null ? null : {
        for: trouble.for,
        code: trouble.code,
        reason: trouble.reason,
        sinceTs: tsOf(trouble.sinceMs),
        nextTryTs: tsOf(trouble.nextTryMs),
      },
      after: placeText(place),
      logSeq: log.seq(),
      ...this.#counts,
      gaps: this.#batches.gaps,
      hand: hand === null ? null : { rows: hand.rows, bytes: hand.body.length },
      breaker: { state, failures },
      lastError: this.#lastError,
      lastErrorTs: this.#lastErrorTs,
      lastTakenTs: this.#lastTakenTs,
      lastTookMs: this.#lastTookMs,
    };
  }

  #nodeShown(): { node?: string } {
    const { shared } = this.#args;
    const node = this.#isHere ? shared?.node ?? null : this.#lastNode;
    return node === null ? {} : { node };
  }

  #state(): WebhookStatus["state"] {
    if (!this.#isHere && !this.#isPaused) return "standby";
    if (this.#isPaused) return "paused";
    if (this.#trouble !== null) return "waiting";
    return this.#isIdle ? "idle" : "delivering";
  }
}
