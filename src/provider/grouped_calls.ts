/**
 * From keys that somebody wants to calls upstream and back: what `grouping.ts` groups waits here for
 * the limits, is sent, and is tried again or halved where it fails. It neither knows limits nor
 * breaker: whoever owns it hands in how to wait for a call and how to make it.
 *
 * ## Bound late
 * A call takes its keys for good only when the limits let it through. Until then its keys can be
 * joined, more can come along, and a key that somebody begins to wait for takes the whole call to a
 * higher place in the queue.
 *
 * ## Together
 * The results of one call are told in one turn. Those for askers of one name (`together`) carry a
 * number and their count, so that the cache can show them all at once.
 *
 * @module
 */

import { LowLoadHours } from "../warm/batch_hours.ts";
import { loadRatioOf, mayBulkGo } from "../warm/batch_load.ts";
import { BatchRunner, isRefusal } from "./batch_runner.ts";
import type { BatchSettings, BatchStatus } from "./batch_status.ts";
import type { GroupedCallsPorts, GroupedRequest, GroupedResult, Waiter } from "./grouped_ports.ts";
import { Grouping, type OpenCall, type WantedKey } from "./grouping.ts";
import { widestEndpoint } from "./port.ts";
import type { ProviderKind } from "./values.ts";

/** Calls that wait for the limits, for an answer or for another try; what comes then waits on. */
const CALLS_MAX = 256;
/** How old the look at the limits may be, ms: it costs as much as there are users. */
const LOOK_MS = 100;
/** When to look again whether the provider has become idle, ms. */
const IDLE_LOOK_MS = 1_000;
/** What holds for days can wait for hours. */
const PATIENT: readonly ProviderKind[] = ["fundamentals", "profiles", "dividends"];

/**
 * See the head of this file.
 *
 * - every wish gets one result, unless whoever owns this stops
 * - never more than {@linkcode CALLS_MAX} calls at a time
 */
export class GroupedCalls<L> {
  readonly #ports: GroupedCallsPorts<L>;
  readonly #settings: BatchSettings;
  #lingerMs: number;
  readonly #grouping: Grouping<Waiter>;
  /** How to give the place of a call in the limits' queue up. */
  readonly #claims = new Map<OpenCall<Waiter>, AbortController>();
  readonly #hours: LowLoadHours;
  readonly #runner: BatchRunner<L>;
  #underWay = 0;
  #look: { readonly atMs: number; readonly loadRatio: number; readonly isLowLoad: boolean } | null =
    null;

  /**
   * Nobody wants anything.
   *
   * @param firstId Numbers of results that come together begin after it; none may come twice.
   */
  constructor(ports: GroupedCallsPorts<L>, settings: BatchSettings, firstId = 0) {
    this.#ports = ports;
    this.#settings = settings;
    this.#lingerMs = settings.lingerMs;
    this.#hours = new LowLoadHours(settings.lowLoadHours);
    this.#runner = new BatchRunner(ports, firstId, () => this.#hours.note(ports.clock.wallNow()));
    this.#grouping = new Grouping<Waiter>({
      onDissolved: (call) => this.#claims.get(call)?.abort(),
    });
  }

  /** Keys that wait. */
  get size(): number {
    return this.#grouping.size;
  }

  /** The result of one key, once a call that it travels in has come back. Never rejects. */
  want(wanted: GroupedRequest): Promise<GroupedResult> {
    const { symbol, user, together = null, timeoutMs = Infinity } = wanted;
    const key = this.#keyOf(wanted);
    if (typeof key === "string") return Promise.resolve(this.#runner.error("refused", symbol, key));
    const { promise, resolve } = Promise.withResolvers<GroupedResult>();
    const nowMs = this.#ports.clock.now();
    const waiter = { user, together, untilMs: nowMs + timeoutMs, resolve };
    const added = this.#grouping.add(key, waiter, nowMs);
    if (added === "full") {
      return Promise.resolve(this.#runner.error("rate", symbol, "too many keys wait", 1_000));
    }
    if (added === "joined") this.#runner.counts.coalesced++;
    this.#arm();
    return promise;
  }

  /** A key is wanted sooner than whoever waits for it said; nothing if it does not wait any more. */
  raise(wanted: GroupedRequest): void {
    const key = this.#keyOf(wanted);
    if (typeof key === "string") return;
    if (this.#grouping.raise(key, this.#ports.clock.now())) this.#arm();
  }

  /** Whom somebody waits for waits so long for others from now on, ms. */
  setLinger(lingerMs: number): void {
    this.#lingerMs = lingerMs;
  }

  /** Begins the calls that are due. */
  flush(): void {
    const { clock } = this.#ports;
    const nowMs = clock.now();
    const left = CALLS_MAX - this.#underWay;
    for (const call of this.#grouping.open(nowMs, left, this.#isIdle)) {
      this.#underWay++;
      this.#begin(call).finally(() => {
        this.#underWay--;
        this.#arm();
      });
    }
    this.#arm();
  }

  /** Whoever owns this stops: no call is tried again after a pause. Idempotent. */
  close(): void {
    this.#runner.close();
  }

  /** Counts, and how it is. */
  status(): BatchStatus {
    const { loadRatio, isLowLoad } = this.#lookNow();
    return {
      ...this.#runner.counts,
      suspects: this.#runner.suspects,
      bulkWaiting: this.#grouping.bulk,
      callKeysMax: this.#callKeysMax(),
      lingerMs: this.#settings.isEnabled ? this.#lingerMs : 0,
      loadRatio,
      isLowLoad,
    };
  }

  /** As `Grouping` wants it; or what there should be for it. */
  #keyOf(wanted: GroupedRequest): WantedKey | string {
    const { source } = this.#ports;
    const { symbol, kind, fromMs, toMs, granularity, priority } = wanted;
    const lingerMs = wanted.lingerMs ?? this.#lingerMs;
    const endpoint = widestEndpoint(source.capabilities.endpoints, wanted);
    if (typeof endpoint === "string") return endpoint;
    const { isEnabled, keysMax, bulkLingerMaxMs } = this.#settings;
    const isSuspect = this.#runner.isSuspect(endpoint.name, symbol);
    const group = source.groupOf(endpoint, symbol);
    const { isBulk = false } = wanted;
    return {
      kind,
      fromMs,
      toMs,
      granularity,
      endpoint: endpoint.name,
      symbol,
      priority,
      group: isSuspect ? `${group} ${symbol} alone` : group,
      symbolsMax: isEnabled ? Math.min(keysMax, endpoint.symbolsMax) : 1,
      lingerMs: isEnabled ? Math.min(lingerMs, isBulk ? bulkLingerMaxMs : Infinity) : 0,
      isBulk,
    };
  }

  #callKeysMax(): number {
    const { isEnabled, keysMax } = this.#settings;
    if (!isEnabled) return 1;
    const { endpoints } = this.#ports.source.capabilities;
    const widest = endpoints.reduce((most, one) => Math.max(most, one.symbolsMax), 1);
    return Math.min(keysMax, widest);
  }

  // ---- when ---------------------------------------------------------------------------------------

  readonly #isIdle = (kind: ProviderKind): boolean =>
    mayBulkGo({ ...this.#lookNow(), isPatient: PATIENT.includes(kind) });

  #lookNow() {
    const { clock } = this.#ports;
    const atMs = clock.now();
    if (this.#look === null || atMs >= this.#look.atMs + LOOK_MS) {
      const isLowLoad = this.#hours.isLow(clock.wallNow());
      this.#look = { atMs, loadRatio: loadRatioOf(this.#ports.limits()), isLowLoad };
    }
    return this.#look;
  }

  #arm(): void {
    if (this.#grouping.size === 0 || this.#underWay >= CALLS_MAX) return;
    const nowMs = this.#ports.clock.now();
    const dueMs = this.#grouping.nextDueMs(this.#isIdle);
    const lookMs = this.#grouping.bulk > 0 ? nowMs + IDLE_LOOK_MS : Infinity;
    const atMs = Math.min(dueMs, lookMs);
    if (atMs < Infinity) this.#ports.wakeIn(Math.max(0, atMs - nowMs));
  }

  // ---- a call -------------------------------------------------------------------------------------

  /** Waits for the limits with a call that is open; what it takes then it keeps. */
  async #begin(open: OpenCall<Waiter>): Promise<void> {
    const { source } = this.#ports;
    const { priority, size: keys } = open;
    const user = open.first?.user ?? "fetch";
    const abort = new AbortController();
    this.#claims.set(open, abort);
    const right = await this.#runner.right(
      { user, priority, endpoint: open.endpoint, keys },
      abort,
    );
    this.#claims.delete(open);
    if (abort.signal.aborted) {
      // Dissolved: its keys wait again.
      if (!isRefusal(right)) this.#ports.unused(right);
      return;
    }
    // What a call costs was said before; only what is free may come along.
    const endpoint = source.capabilities.endpoints.find(({ name }) => name === open.endpoint);
    const isFree = (endpoint?.costPerKey ?? 0) === 0;
    await this.#runner.run(this.#grouping.seal(open, isFree ? Infinity : keys), right);
  }
}
