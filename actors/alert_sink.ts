/**
 * A receiver of alerts: a webhook or a Prometheus Alertmanager that is told what fires, what ended
 * and what somebody has acknowledged.
 *
 * It looks at the monitor's alerts when there is news and now and then, and tells the receiver the
 * difference from what it has taken (see `alert_outbox.ts`), one delivery at a time. It runs beside
 * the core, like the monitor: an alert of a dead store goes out. Nothing is kept on a disk: after a
 * restart, of this actor or of the process, what fires is told again.
 *
 * ## Several nodes
 * Each alert is told by the node with the duty `alerts/ID`, of all that any node says (see
 * `alert_group.ts`). What the receiver has taken is a record, so that another node goes on from
 * there: it hears a firing once and its end once, though the duty moved in between. A node that has
 * no duty at all and cannot write to the log is cut off from the others; it tells what is its own,
 * and what all have in common, by itself: the receiver rather hears of a dead log from every node
 * than from none.
 *
 * A receiver that answers with anything but 2xx, not in time, or not at all is told again after
 * 1 s·2^n up to 60 s, later if it says so (`Retry-After`), then with how things are by then; after
 * some failures in a row the breaker is open. 413 halves the deliveries. Redirects are not followed
 * and bodies of answers are not read.
 *
 * @module
 */

import { actor, type Context, type Ref } from "../src/actor/mod.ts";
import { Breaker } from "../src/feed/breaker.ts";
import {
  alertmanagerUrl,
  type AlertSinkSpec,
  SINK_ALERTS_MAX,
  sinkRequest,
  TEST_HOLD_MS,
  testAlert,
} from "../src/http/webhook/alert_sink.ts";
import type { AlertSinkStatus, AlertTestResult } from "../src/http/webhook/alert_sink_status.ts";
import {
  type CallFailure,
  type CallOutcome,
  fetchWebhook,
  type WebhookCall,
} from "../src/http/webhook/call.ts";
import { shownUrl, WEBHOOK_BOUNDS } from "../src/http/webhook/options.ts";
import { post } from "../src/http/webhook/post.ts";
import {
  type AlertGroup,
  AlertOutbox,
  type OutboxOptions,
  RECENT_MS,
  type ToldAlerts,
  type ToldMark,
} from "../src/monitor/alert_outbox.ts";
import type { Alert } from "../src/monitor/alert.ts";
import { NODE_LABEL } from "../src/monitor/alert_group.ts";
import type { Duties } from "../src/store/nodes/duties.ts";
import type { BatchRecord } from "../src/store/port.ts";
import { AlertSink, type Monitor, type Store } from "./protocols.ts";

/** Bounds of telling a receiver. */
export interface AlertSinkBounds {
  /** Between two looks when there is no news. */
  readonly lookEveryMs: number;
  /** From the first change of a group to its delivery. */
  readonly groupWaitMs: number;
  /** Time for one call to be answered. */
  readonly timeoutMs: number;
  /** Alerts of one delivery. */
  readonly alertsMax: number;
  /** An Alertmanager is told again of what fires in this time: a fifth of what it holds it for. */
  readonly resendMs: number;
  /** How long an alert counts as firing for it unless it is told again. */
  readonly holdMs: number;
}

/** What holds unless said otherwise. */
export const ALERT_SINK_BOUNDS: AlertSinkBounds = {
  lookEveryMs: 15_000,
  groupWaitMs: 5_000,
  timeoutMs: WEBHOOK_BOUNDS.timeoutMs,
  alertsMax: SINK_ALERTS_MAX,
  resendMs: 60_000,
  holdMs: 300_000,
};

/** How a sink is set up. */
export interface AlertSinkArgs {
  readonly spec: AlertSinkSpec;
  /** Whose alerts are told. */
  readonly monitor: Ref<typeof Monitor.definition>;
  /** Where the service is reached, for links; `""` = not said. */
  readonly baseUrl: string;
  /** Default {@linkcode ALERT_SINK_BOUNDS}. */
  readonly bounds?: Partial<AlertSinkBounds>;
  /** Makes the calls; default `fetch`. */
  readonly call?: WebhookCall;
  /** Where several nodes tell the receiver; default: this process does. */
  readonly shared?: {
    /** Name of this node. */
    readonly node: string;
    readonly duties: Duties;
    readonly store: Ref<typeof Store.definition>;
  };
}

/** Kind of the records of what a receiver was told; the key is `SINK/ID`. */
const KIND_TOLD = "alert_told";
/** A mark is kept so long after the end of its alert, ms: twice as long as an end is told late. */
const MARK_KEPT_MS = 2 * RECENT_MS;
/** Marks that one look drops. */
const DROPPED_MAX = 256;
/** Without any duty for so long, and without a way to write, a node is cut off, ms. */
const CUT_MS = 30_000;
/** Names that are looked at for any duty: a node with one of 256 partitions has one of them. */
const PROBES = 2_048;
/** What was told is looked at again right before a delivery, unless it was within, ms. */
const FRESH_MS = 1_000;

/** The monitor answers at once, or is not there. */
const LOOK = { timeoutMs: 2_000 } as const;

/** See the module's text. */
export const alertSink = actor(AlertSink, (ctx, args: AlertSinkArgs) => {
  const run = new SinkRun(ctx, args);
  ctx.onStop(() => run.stop());
  run.start();
  return {
    status: () => run.status(),
    resume: () => run.resume(),
    test: () => {
      const reply = ctx.defer<AlertTestResult>();
      void run.test().then((result) => reply.resolve(result));
      return reply;
    },
    news: () => run.look(),
    look: () => run.look(),
    looked: (found) => run.looked(found),
    go: () => run.go(),
    done: (outcome) => run.done(outcome),
  };
});

type Shared = NonNullable<AlertSinkArgs["shared"]>;

/** What a look found. */
interface Found {
  readonly told: ToldAlerts;
  /** What the receiver was told, by whichever node. */
  readonly marks: readonly ToldMark[];
  readonly isCut: boolean;
}

/** What is waited for, in milliseconds of the clock. */
interface Trouble {
  readonly code: string;
  readonly reason: string;
  readonly sinceMs: number;
  readonly nextTryMs: number;
}

class SinkRun {
  readonly #ctx: Context<typeof AlertSink.definition>;
  readonly #args: AlertSinkArgs;
  readonly #bounds: AlertSinkBounds;
  readonly #call: WebhookCall;
  readonly #outbox: AlertOutbox;
  readonly #breaker = new Breaker({ backoff: WEBHOOK_BOUNDS.backoff });
  readonly #abort = new AbortController();
  #alertsMax: number;
  #isLooking = false;
  /** There was news while a look was under way. */
  #looksAgain = false;
  /** The delivery under way. */
  #hand: AlertGroup | null = null;
  #underWay: Promise<void> | null = null;
  #trouble: Trouble | null = null;
  #taken = 0;
  #failed = 0;
  #lastError: string | null = null;
  #lastErrorTs: number | null = null;
  #lastTakenTs: number | null = null;
  /** What was told and is not written yet, by key. */
  readonly #unsaid = new Map<string, ToldMark>();
  #lookedMs = -Infinity;
  #triedMs = -Infinity;
  #dutyMs: number;
  #isCut = false;

  constructor(ctx: Context<typeof AlertSink.definition>, args: AlertSinkArgs) {
    this.#ctx = ctx;
    this.#args = args;
    this.#bounds = { ...ALERT_SINK_BOUNDS, ...args.bounds };
    this.#call = args.call ?? fetchWebhook;
    this.#alertsMax = this.#bounds.alertsMax;
    this.#dutyMs = ctx.clock.now();
    this.#outbox = new AlertOutbox({
      ...outboxOptions(args.spec, this.#bounds),
      by: args.shared === undefined ? "episode" : "identity",
    });
  }

  start(): void {
    const { lookEveryMs } = this.#bounds;
    const { shared } = this.#args;
    if (shared !== undefined) {
      this.#ctx.onStop(shared.duties.watch(() => void this.#ctx.self.tell("look", {})));
    }
    this.#ctx.timer("look", { delayMs: 0, everyMs: lookEveryMs }, "look", {});
  }

  async stop(): Promise<void> {
    this.#abort.abort(new Error("the sink stops"));
    await this.#underWay;
  }

  // ---- looking
  // --------------------------------------------------------------------------------------

  look(): void {
    this.#looksAgain = this.#isLooking;
    if (this.#isLooking) return;
    this.#isLooking = true;
    this.#triedMs = this.#ctx.clock.now();
    const endedSince = this.#ctx.clock.wallNow() - RECENT_MS;
    const { self } = this.#ctx;
    // A monitor that does not answer restarts, or has much to do: the next look finds it.
    this.#found(endedSince).then(
      (found) => void self.tell("looked", found),
      () => void self.tell("looked", null),
    );
  }

  async #found(endedSince: number): Promise<Found | null> {
    const { monitor, shared } = this.#args;
    const told = await monitor.ask("told", { endedSince }, LOOK);
    if (told === null) return null;
    if (shared === undefined) return { told, marks: [], isCut: false };
    const isCut = await this.#isCutOff(shared);
    const prefix = `${this.#args.spec.name}/`;
    const records = await shared.store.ask("records", { kind: KIND_TOLD }, LOOK).catch((error) => {
      // Without a store there is nothing to go on from, and nobody else that could tell.
      if (isCut) return [];
      throw error;
    });
    const marks = records.filter(({ key }) => key.startsWith(prefix))
      .map(({ json }) => JSON.parse(json) as ToldMark);
    return { told, marks, isCut };
  }

  looked(found: Found | null): void {
    const { clock } = this.#ctx;
    this.#isLooking = false;
    if (found !== null) {
      this.#lookedMs = clock.now();
      const { shared } = this.#args;
      const told = shared === undefined ? found.told : this.#mine(shared, found);
      this.#outbox.look(told, clock.now(), clock.wallNow());
    }
    if (this.#looksAgain) this.look();
    this.#schedule();
  }

  // ---- several nodes
  // --------------------------------------------------------------------------------

  /** What is to be told from here; the outbox goes on from what was told. */
  #mine(shared: Shared, { told, marks, isCut }: Found): ToldAlerts {
    const { clock } = this.#ctx;
    if (isCut !== this.#isCut) {
      this.#ctx.log(isCut ? "warn" : "info", isCut ? "cut off: tells by itself" : "not cut off");
    }
    this.#isCut = isCut;
    const alone = new Set(
      (isCut ? [...told.firing, ...told.ended] : [])
        .filter(({ labels }) => (labels[NODE_LABEL] ?? shared.node) === shared.node)
        .map(({ id }) => id),
    );
    const isMine = (id: string) => shared.duties.owns(`alerts/${id}`) || alone.has(id);
    this.#outbox.keep(isMine);
    const old: BatchRecord[] = [];
    for (const mark of marks) {
      const { id, state, resolvedAt } = mark.alert;
      if (!isMine(id)) continue;
      const isOver = state === "resolved" &&
        clock.wallNow() - (resolvedAt ?? 0) > MARK_KEPT_MS;
      const key = this.#markKey(id);
      if (isOver) old.push({ kind: KIND_TOLD, key, json: null });
      else if (!this.#unsaid.has(key)) this.#outbox.seed(mark, clock.now());
    }
    if (old.length > 0) this.#write(shared, old.slice(0, DROPPED_MAX)).catch(() => {});
    this.#say(shared);
    const mine = (alerts: readonly Alert[]) => alerts.filter(({ id }) => isMine(id));
    return { firing: mine(told.firing), ended: mine(told.ended) };
  }

  #markKey(id: string): string {
    return `${this.#args.spec.name}/${id}`;
  }

  /** Notes for all nodes what the receiver has taken. */
  #noteTaken(shared: Shared, { alerts, marks }: AlertGroup): void {
    for (const alert of alerts) {
      const mark = marks.get(alert.id);
      if (mark !== undefined) this.#unsaid.set(this.#markKey(alert.id), { mark, alert });
    }
    this.#say(shared);
  }

  /** Writes what is not written yet; what fails is tried again at the next look. */
  #say(shared: Shared): void {
    if (this.#unsaid.size === 0) return;
    const said = [...this.#unsaid];
    const records = said.map(([key, mark]): BatchRecord => ({
      kind: KIND_TOLD,
      key,
      json: JSON.stringify(mark),
    }));
    this.#write(shared, records).then(() => {
      for (const [key, mark] of said) {
        if (this.#unsaid.get(key) === mark) this.#unsaid.delete(key);
      }
    }, () => {});
  }

  async #write({ store }: Shared, records: readonly BatchRecord[]): Promise<void> {
    const batch = { feed: null, after: null, cursor: null, series: [], records };
    const result = await store.ask("commit", { batches: [batch] }, LOOK);
    if (result.state === "refused") throw new Error(result.message);
  }

  /** Nobody gives this node anything to do, and nothing that it says is heard. */
  async #isCutOff(shared: Shared): Promise<boolean> {
    const nowMs = this.#ctx.clock.now();
    for (let probe = 0; probe < PROBES; probe++) {
      if (!shared.duties.owns(`alerts/${probe}`)) continue;
      this.#dutyMs = nowMs;
      return false;
    }
    if (nowMs - this.#dutyMs < CUT_MS) return false;
    const probe = { kind: KIND_TOLD, key: `@${shared.node}`, json: null };
    return await this.#write(shared, [probe]).then(() => false, () => true);
  }

  // ---- delivering
  // -----------------------------------------------------------------------------------

  /** The next delivery when it is due, and not before the pause of a failure is over. */
  #schedule(): void {
    if (this.#hand !== null) return;
    const dueMs = this.#outbox.dueMs();
    if (dueMs === null) return this.#ctx.cancelTimer("go");
    const atMs = Math.max(dueMs, this.#trouble?.nextTryMs ?? 0);
    this.#ctx.timer("go", { delayMs: Math.max(0, atMs - this.#ctx.clock.now()) }, "go", {});
  }

  go(): void {
    if (this.#hand !== null) return;
    const { clock, self } = this.#ctx;
    // Another node may have told of it until just now.
    const isFresh = clock.now() - this.#lookedMs < FRESH_MS;
    if (this.#args.shared !== undefined && !isFresh) {
      // One that finds nothing is not made again at once.
      const delayMs = this.#triedMs + FRESH_MS - clock.now();
      if (delayMs <= 0) return this.look();
      return this.#ctx.timer("go", { delayMs }, "go", {});
    }
    const group = this.#outbox.next(clock.now(), this.#alertsMax);
    if (group === null) return this.#schedule();
    this.#hand = group;
    if (this.#breaker.failures > 0) this.#breaker.trying();
    this.#underWay = this.#post(group, this.#bounds.holdMs).then((outcome) => {
      this.#underWay = null;
      self.tell("done", outcome);
    });
  }

  #post(
    group: Pick<AlertGroup, "rule" | "alerts" | "truncated">,
    holdMs: number,
  ): Promise<CallOutcome> {
    const { clock } = this.#ctx;
    const { spec, baseUrl } = this.#args;
    const request = sinkRequest(spec, group, { baseUrl, at: clock.wallNow(), holdMs });
    const { timeoutMs } = this.#bounds;
    const stopping = this.#abort.signal;
    return post(request, { clock, call: this.#call, timeoutMs, stopping });
  }

  done(outcome: CallOutcome): void {
    const group = this.#hand;
    this.#hand = null;
    if (group === null) return;
    const { clock } = this.#ctx;
    if (outcome.state === "failed") {
      this.#failedWith(group, outcome);
    } else {
      if (this.#breaker.state !== "closed") {
        this.#ctx.log("info", "the receiver takes alerts again");
      }
      this.#outbox.taken(group, clock.now());
      const { shared } = this.#args;
      if (shared !== undefined) this.#noteTaken(shared, group);
      this.#breaker.succeeded();
      this.#trouble = null;
      this.#taken++;
      this.#lastTakenTs = clock.wallNow();
    }
    this.#schedule();
  }

  #failedWith(group: AlertGroup, { code, message, retryAfterMs }: CallFailure): void {
    const { clock, random } = this.#ctx;
    const nowMs = clock.now();
    this.#failed++;
    this.#lastError = message;
    this.#lastErrorTs = clock.wallNow();
    this.#outbox.failed(group, nowMs);
    if (code === "too_large" && group.alerts.length > 1) {
      this.#alertsMax = Math.ceil(group.alerts.length / 2);
    }
    const pauseMs = Math.max(this.#breaker.failed(nowMs, random), retryAfterMs ?? 0);
    const sinceMs = this.#trouble?.sinceMs ?? nowMs;
    this.#trouble = { code, reason: message, sinceMs, nextTryMs: nowMs + pauseMs };
    const breaker = this.#breaker.state;
    const level = breaker === "closed" ? "warn" : "error";
    this.#ctx.log(level, "alerts wait for their receiver", { code, message, pauseMs, breaker });
  }

  // ---- from outside
  // ---------------------------------------------------------------------------------

  resume(): void {
    if (this.#trouble !== null) {
      this.#trouble = { ...this.#trouble, nextTryMs: this.#ctx.clock.now() };
    }
    this.look();
  }

  /** One call, whatever else is under way or waited for; it counts as a delivery. */
  async test(): Promise<AlertTestResult> {
    const { clock } = this.#ctx;
    const { name, kind } = this.#args.spec;
    const startMs = clock.now();
    const alerts = [testAlert(clock.wallNow())];
    const outcome = await this.#post({ rule: "wick_test", alerts, truncated: 0 }, TEST_HOLD_MS);
    const isTaken = outcome.state === "taken";
    if (isTaken) this.#taken++;
    else this.#failed++;
    return {
      name,
      kind,
      url: this.#shown,
      state: outcome.state,
      code: isTaken ? null : outcome.code,
      message: isTaken ? null : outcome.message,
      tookMs: clock.now() - startMs,
    };
  }

  get #shown(): string {
    const { kind, url } = this.#args.spec;
    return shownUrl(kind === "alertmanager" ? alertmanagerUrl(url) : url);
  }

  status(): AlertSinkStatus {
    const { clock } = this.#ctx;
    const { name, kind } = this.#args.spec;
    const tsOf = (ms: number) => Math.round(clock.wallNow() + ms - clock.now());
    const { state, failures } = this.#breaker;
    const trouble = this.#trouble;
    return {
      name,
      kind,
      url: this.#shown,
      state: trouble !== null ? "waiting" : this.#hand === null ? "idle" : "delivering",
      waiting: trouble === null ? null : {
        code: trouble.code,
        reason: trouble.reason,
        sinceTs: tsOf(trouble.sinceMs),
        nextTryTs: tsOf(trouble.nextTryMs),
      },
      alerts: this.#outbox.waiting,
      dropped: this.#outbox.dropped,
      taken: this.#taken,
      failed: this.#failed,
      breaker: { state, failures },
      lastError: this.#lastError,
      lastErrorTs: this.#lastErrorTs,
      lastTakenTs: this.#lastTakenTs,
    };
  }
}

/** Alertmanager groups by itself, and forgets what is not told again. */
function outboxOptions(
  { kind, severities = null }: AlertSinkSpec,
  { groupWaitMs, resendMs }: AlertSinkBounds,
): OutboxOptions {
  const options = { severities, groupWaitMs };
  return kind === "webhook"
    ? { ...options, groupBy: "rule" }
    : { ...options, groupBy: "all", resendMs };
}
