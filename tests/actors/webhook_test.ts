/** Delivering to one URL: order, repetition, pauses, the breaker, the position in the store. */

import { assert, assertEquals, assertGreater } from "@std/assert";
import { child, Simulator } from "../../src/actor/mod.ts";
import { LabelLog } from "../../src/http/label_log.ts";
import type { WebhookAnswer, WebhookRequest } from "../../src/http/webhook/call.ts";
import type { WebhookBounds, WebhookSpec } from "../../src/http/webhook/options.ts";
import { verifyWebhook } from "../../src/http/webhook/signature.ts";
import type { WebhookStatus } from "../../src/http/webhook/status.ts";
import { Store, Webhook } from "../../actors/protocols.ts";
import { store } from "../../actors/store.ts";
import { webhook, type WebhookArgs } from "../../actors/webhook.ts";
import { all, batch, candle, candles, labels, part } from "../store/support.ts";
import { SpyStore } from "./spy_store.ts";

const SECRET = "webhook-secret-0123456789";
const URL = "http://hooks.example/labels?key=hidden-key";
const OK: WebhookAnswer = { status: 200, retryAfter: null };

/** A store with a log, a webhook on it, and what was called. */
class Rig implements AsyncDisposable {
  readonly calls: WebhookRequest[] = [];
  readonly callsAt: number[] = [];
  readonly logged: string[] = [];
  readonly log: LabelLog;
  readonly simulator: Simulator;
  /** Answers calls; the default takes everything. */
  answer: (call: number, signal: AbortSignal) => Promise<WebhookAnswer> = () => Promise.resolve(OK);
  oldestSeq = 0;
  readonly #bars = new Map<string, number>();

  constructor(
    readonly backend: SpyStore = new SpyStore(),
    spec: Partial<WebhookSpec> = { after: 0 },
    bounds: Partial<WebhookBounds> = {},
  ) {
    for (const { series, count } of backend.series()) this.#bars.set(series, count);
    this.log = new LabelLog((seq, limit) => {
      if (seq < this.oldestSeq) {
        return Promise.resolve({ state: "gone", oldestSeq: this.oldestSeq });
      }
      return Promise.resolve({ state: "ok", commits: backend.labelsAfter(seq, limit) });
    }, backend.seq);
    const hook: Omit<WebhookArgs, "store"> = {
      log: this.log,
      spec: { name: "desk", url: URL, secret: SECRET, ...spec },
      bounds,
      call: (request, signal) => {
        this.calls.push(request);
        this.callsAt.push(this.simulator.clock.now());
        return this.answer(this.calls.length, signal);
      },
    };
    this.simulator = new Simulator({
      seed: 1,
      system: {
        intensity: 10_000,
        log: (_level, _path, message, fields) =>
          this.logged.push(`${message} ${JSON.stringify(fields)}`),
        children: [
          child(store, { name: "store", args: { kind: "open", backend } }),
          child(webhook, {
            name: "hook",
            args: ({ ask }) => ({ ...hook, store: ask(Store, "store") }),
          }),
        ],
      },
    });
  }

  /** A commit of so many rows, which is told. */
  commit(rows: number, series = "A:M1"): number {
    const base = this.#bars.get(series) ?? 0;
    this.#bars.set(series, base + rows);
    const times = Array.from({ length: rows }, (_, i) => 60_000 * (base + i));
    const block = labels(series, "h", times.map((ts) => ({ ts, exit: 101, fwd: null })));
    const append = all(candles(series, times.map((ts) => candle(ts))));
    const result = this.backend.memory.commit([
      batch(part(series, base, { append, labels: [all(block)] })),
    ]);
    assert(result.state === "committed", JSON.stringify(result));
    this.log.committed(result.seq);
    return result.seq;
  }

  /** Rows of the calls, as `SEQ-ROW`; those of one call together. */
  get rows(): string[][] {
    return this.calls.map(({ body }) => {
      const { labels } = JSON.parse(body) as { labels: { seq: number; row: number }[] };
      return labels.map(({ seq, row }) => `${seq}-${row}`);
    });
  }

  get position(): string | null {
    const json = this.backend.memory.record("webhook", "desk");
    return json === null ? null : JSON.parse(json).after;
  }

  get hook() {
    return this.simulator.system.ref(Webhook, "hook");
  }

  async status(): Promise<WebhookStatus> {
    const asked = this.hook.ask("status", {});
    await this.simulator.run();
    return await asked;
  }

  async stop(): Promise<void> {
    const stopped = this.simulator.system.stop();
    await this.simulator.advance(10_000);
    await stopped;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

const answers = (status: number, retryAfter: string | null = null) => () =>
  Promise.resolve({ status, retryAfter });

/** Never answers, until it is given up. */
const silent = (_call: number, signal: AbortSignal) =>
  new Promise<WebhookAnswer>((_, reject) =>
    signal.addEventListener("abort", () => reject(signal.reason), { once: true })
  );

Deno.test("a webhook delivers every commit, in order, signed, and keeps its place", async () => {
  await using rig = new Rig(undefined, undefined, { rowsMax: 3 });
  await rig.simulator.run();
  rig.commit(5);
  await rig.simulator.advance(100);
  rig.commit(1);
  await rig.simulator.advance(100);
  assertEquals(rig.rows, [["1-0", "1-1", "1-2"], ["1-3", "1-4"], ["2-0"]]);
  assertEquals(rig.position, "2");
  for (const { url, headers, body } of rig.calls) {
    assertEquals(url, URL);
    assertEquals([headers["content-type"], headers["wick-webhook"]], ["application/json", "desk"]);
    const nowMs = rig.simulator.clock.wallNow();
    assert(verifyWebhook(SECRET, headers["wick-signature"] ?? null, body, nowMs));
  }
  const status = await rig.status();
  assertEquals([status.state, status.after, status.logSeq], ["idle", "2", 2]);
  assertEquals([status.batches, status.rows, status.failures, status.hand], [3, 6, 0, null]);
  assertEquals(status.url, "http://hooks.example/labels?…");
  assert(!JSON.stringify(status).includes(SECRET) && !JSON.stringify(status).includes("hidden"));
});

Deno.test("a webhook that is new begins with what comes from then on", async () => {
  const backend = new SpyStore();
  {
    await using rig = new Rig(backend, {});
    rig.commit(2);
    await rig.simulator.advance(100);
    assertEquals([rig.calls.length, rig.position], [0, "1"]);
  }
  // It is not new any more.
  const late = new Rig(backend, {});
  await late.stop();
  await using rig = new Rig(backend, {});
  rig.commit(3);
  await rig.simulator.advance(100);
  assertEquals(rig.rows, [["2-0", "2-1", "2-2"]]);
});

Deno.test("a webhook only for some series passes the others", async () => {
  await using rig = new Rig(undefined, { after: 0, series: ["B:M1"] });
  rig.commit(2);
  rig.commit(2, "B:M1");
  rig.commit(2);
  await rig.simulator.advance(100);
  assertEquals(rig.rows, [["2-0", "2-1"]]);
  assertEquals((await rig.status()).after, "3");
});

Deno.test("a batch that is not taken comes again, byte for byte, after growing pauses", async () => {
  await using rig = new Rig();
  rig.answer = answers(500);
  rig.commit(2);
  await rig.simulator.advance(200_000);
  const tries = rig.calls.length;
  const pauses = rig.callsAt.slice(1).map((at, i) => at - (rig.callsAt[i] as number));
  for (const [i, pauseMs] of pauses.entries()) {
    const mostMs = Math.min(60_000, 1_000 * 2 ** i);
    assert(pauseMs >= mostMs / 2 && pauseMs <= mostMs, `pause ${i} of ${pauseMs} ms`);
  }
  assertEquals(new Set(rig.calls.map(({ body }) => body)).size, 1);
  const signatures = rig.calls.map(({ headers }) => headers["wick-signature"]);
  // Signed anew each time; the first two may be of the same second.
  assertGreater(new Set(signatures).size, tries - 2);
  const status = await rig.status();
  assertEquals([status.state, status.breaker.state], ["waiting", "open"]);
  assertEquals([status.waiting?.for, status.waiting?.code], ["receiver", "status"]);
  assertEquals([status.failures, status.hand?.rows, status.after], [tries, 2, "0"]);
  rig.answer = () => Promise.resolve(OK);
  rig.commit(1);
  await rig.simulator.advance(60_100);
  assertEquals(rig.rows.slice(tries), [["1-0", "1-1"], ["2-0"]]);
  const after = await rig.status();
  assertEquals([after.state, after.breaker, after.waiting], [
    "idle",
    { state: "closed", failures: 0 },
    null,
  ]);
});

Deno.test("what is not 2xx is not taken, and redirects are not followed", async () => {
  for (const status of [199, 300, 301, 302, 307, 308, 400, 404, 410, 429, 500, 503]) {
    await using rig = new Rig();
    rig.answer = answers(status);
    rig.commit(1);
    await rig.simulator.advance(400);
    assertEquals(rig.calls.map(({ url }) => url), [URL], String(status));
    const { waiting, lastError } = await rig.status();
    assertEquals(waiting?.code, status >= 300 && status < 400 ? "redirect" : "status");
    assert(lastError?.includes(String(status)));
    assertEquals(rig.position, "0");
  }
});

Deno.test("Retry-After makes the pause longer, up to five minutes, and never shorter", async () => {
  for (
    const [text, leastMs, mostMs] of [
      ["20", 20_000, 20_000],
      ["0", 500, 1_000],
      ["1000000", 300_000, 300_000],
      ["Wed, 21 Oct 2026 07:28:00 GMT", 500, 1_000],
    ] as const
  ) {
    await using rig = new Rig();
    rig.answer = answers(503, text);
    rig.commit(1);
    await rig.simulator.advance(leastMs - 1);
    assertEquals(rig.calls.length, 1, text);
    await rig.simulator.advance(mostMs - leastMs + 2);
    assertEquals(rig.calls.length, 2, text);
  }
});

Deno.test("a call that takes too long is given up and made again", async () => {
  await using rig = new Rig(undefined, undefined, { timeoutMs: 3_000 });
  rig.answer = (call, signal) => call === 1 ? silent(call, signal) : Promise.resolve(OK);
  rig.commit(1);
  await rig.simulator.advance(2_999);
  const during = await rig.status();
  assertEquals([rig.calls.length, during.state, during.hand?.rows], [1, "delivering", 1]);
  await rig.simulator.advance(1);
  assertEquals((await rig.status()).waiting?.code, "timeout");
  await rig.simulator.advance(1_100);
  assertEquals([rig.rows, rig.position], [[["1-0"], ["1-0"]], "1"]);
});

Deno.test("a connection that fails says why, without what its URL may hide", async () => {
  await using rig = new Rig();
  rig.answer = () =>
    Promise.reject(
      new TypeError(`error sending request for url (${URL})`, {
        cause: new Error(`connect to ${URL}: refused`),
      }),
    );
  rig.commit(1);
  await rig.simulator.advance(100);
  const { waiting, lastError } = await rig.status();
  assertEquals(waiting?.code, "unreachable");
  assert(lastError?.includes("refused"));
  const said = JSON.stringify([await rig.status(), rig.logged]);
  assert(!said.includes("hidden-key") && !said.includes(SECRET), said);
});

Deno.test("413 halves the batches until they are taken", async () => {
  await using rig = new Rig();
  rig.answer = (call) => Promise.resolve(call <= 2 ? { status: 413, retryAfter: null } : OK);
  rig.commit(7);
  await rig.simulator.advance(300);
  assertEquals(rig.rows.map(({ length }) => length), [7, 4, 2, 2, 2, 1]);
  assertEquals(rig.rows.slice(2).flat(), Array.from({ length: 7 }, (_, row) => `1-${row}`));
  const { breaker, failures } = await rig.status();
  assertEquals([breaker.failures, failures], [0, 2]);
});

Deno.test("413 on one row is a failure like any other", async () => {
  await using rig = new Rig();
  rig.answer = answers(413);
  rig.commit(1);
  await rig.simulator.advance(100);
  assertEquals([rig.calls.length, (await rig.status()).waiting?.code], [1, "too_large"]);
});

Deno.test("deliveries keep their distance, and what came meanwhile goes together", async () => {
  await using rig = new Rig(undefined, undefined, { everyMs: 50 });
  await rig.simulator.run();
  for (let i = 0; i < 20; i++) {
    rig.commit(1);
    await rig.simulator.advance(10);
  }
  await rig.simulator.advance(100);
  const pauses = rig.callsAt.slice(1).map((at, i) => at - (rig.callsAt[i] as number));
  assert(pauses.every((pauseMs) => pauseMs >= 50), String(pauses));
  assertEquals(rig.calls.length, 5);
  assertEquals(rig.rows.flat(), Array.from({ length: 20 }, (_, i) => `${i + 1}-0`));
});

Deno.test("after a crash the batch under way comes again, and no other", async () => {
  await using rig = new Rig(undefined, undefined, { rowsMax: 2 });
  rig.answer = (call, signal) => call === 3 ? silent(call, signal) : Promise.resolve(OK);
  rig.commit(8);
  await rig.simulator.advance(100);
  assertEquals(rig.calls.length, 3);
  rig.simulator.kill("/wick/hook");
  await rig.simulator.advance(100);
  assertEquals(rig.rows, [
    ["1-0", "1-1"],
    ["1-2", "1-3"],
    ["1-4", "1-5"],
    ["1-4", "1-5"],
    ["1-6", "1-7"],
  ]);
});

Deno.test("a restart goes on behind what was taken", async () => {
  const backend = new SpyStore();
  {
    await using rig = new Rig(backend, undefined, { rowsMax: 2 });
    rig.answer = (call, signal) => call === 2 ? silent(call, signal) : Promise.resolve(OK);
    rig.commit(4);
    await rig.simulator.advance(100);
    assertEquals([rig.calls.length, rig.position], [2, "1-1"]);
  }
  await using rig = new Rig(backend);
  await rig.simulator.advance(100);
  assertEquals(rig.rows, [["1-2", "1-3"]]);
});

Deno.test("nothing more is delivered before the store has the place", async () => {
  await using rig = new Rig(undefined, undefined, { rowsMax: 2 });
  await rig.simulator.advance(1);
  rig.backend.refuseRecords = () => ({ state: "refused", code: "disk_full", message: "no room" });
  rig.commit(6);
  await rig.simulator.advance(40_000);
  assertEquals([rig.calls.length, rig.position], [1, "0"]);
  const { waiting, state } = await rig.status();
  assertEquals([state, waiting?.for, waiting?.reason], ["waiting", "store", "no room"]);
  rig.backend.refuseRecords = () => null;
  await rig.simulator.advance(16_000);
  assertEquals(rig.rows, [["1-0", "1-1"], ["1-2", "1-3"], ["1-4", "1-5"]]);
  assertEquals([rig.position, (await rig.status()).waiting], ["1", null]);
});

Deno.test("a log that cannot be read is read again", async () => {
  await using rig = new Rig();
  rig.commit(1);
  let isBroken = true;
  const read = rig.log.after.bind(rig.log);
  rig.log.after = (seq, limit) =>
    isBroken ? Promise.reject(new Error("no answer")) : read(seq, limit);
  await rig.simulator.advance(5_000);
  assertEquals((await rig.status()).waiting?.for, "store");
  isBroken = false;
  await rig.simulator.advance(16_000);
  assertEquals(rig.rows, [["1-0"]]);
});

Deno.test("a log that was given up is said, to the receiver too", async () => {
  await using rig = new Rig();
  for (let i = 0; i < 5; i++) rig.commit(1);
  rig.oldestSeq = 3;
  await rig.simulator.advance(100);
  assertEquals(rig.rows, [["4-0", "5-0"]]);
  assertEquals(JSON.parse(rig.calls[0]?.body ?? "").gap, { after: "0", through: "3" });
  assertEquals((await rig.status()).gaps, 1);
  assertEquals(rig.logged.filter((line) => line.includes("given up")).length, 1);
});

Deno.test("pause holds deliveries back, resume goes on and ends a wait", async () => {
  await using rig = new Rig();
  await rig.simulator.run();
  rig.hook.tell("pause", {});
  rig.commit(1);
  await rig.simulator.advance(1_000);
  assertEquals([rig.calls.length, (await rig.status()).state], [0, "paused"]);
  rig.answer = answers(503, "300");
  rig.hook.tell("resume", {});
  await rig.simulator.advance(10);
  assertEquals([rig.calls.length, (await rig.status()).state], [1, "waiting"]);
  rig.answer = () => Promise.resolve(OK);
  rig.hook.tell("resume", {});
  await rig.simulator.advance(10);
  assertEquals([rig.calls.length, rig.position], [2, "1"]);
});

Deno.test("seek repeats or skips, whatever is under way", async () => {
  await using rig = new Rig(undefined, undefined, { rowsMax: 2 });
  const seek = async (after: string) => {
    const asked = rig.hook.ask("seek", { after });
    await rig.simulator.advance(100);
    return (await asked).after;
  };
  rig.commit(4);
  await rig.simulator.advance(100);
  assertEquals(await seek("1-1"), "1-1");
  assertEquals(rig.rows.slice(2), [["1-2", "1-3"]]);
  // Past one that hangs, or that nobody can take.
  for (const answer of [silent, answers(400)]) {
    rig.answer = answer;
    const seq = rig.commit(2);
    await rig.simulator.advance(100);
    const before = rig.calls.length;
    rig.answer = () => Promise.resolve(OK);
    assertEquals(await seek(String(seq + 99)), String(seq));
    assertEquals([rig.calls.length, rig.position], [before, String(seq)]);
    assertEquals((await rig.status()).state, "idle");
  }
  const last = rig.commit(1);
  await rig.simulator.advance(100);
  assertEquals(rig.rows.at(-1), [`${last}-0`]);
});

Deno.test("commits while a call is under way wait for it", async () => {
  await using rig = new Rig();
  const held = Promise.withResolvers<WebhookAnswer>();
  rig.answer = (call) => call === 1 ? held.promise : Promise.resolve(OK);
  rig.commit(1);
  await rig.simulator.advance(100);
  for (let i = 0; i < 50; i++) rig.commit(1);
  await rig.simulator.advance(1_000);
  assertEquals(rig.calls.length, 1);
  held.resolve(OK);
  await rig.simulator.advance(100);
  assertEquals(rig.rows.map(({ length }) => length), [1, 50]);
  assertGreater((await rig.status()).lastTakenTs ?? 0, 0);
});
