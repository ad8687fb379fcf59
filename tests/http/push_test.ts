import { gzipSync } from "node:zlib";
import { createApp } from "../../src/http/app.ts";
import type { AdminApp } from "../../src/http/api.ts";
import { VirtualClock } from "../../src/actor/clock.ts";
import type { AdminOptions } from "../../src/http/options.ts";
import type { PushOutcome } from "../../src/http/port.ts";
import * as shape from "../../src/http/schemas.ts";
import { MemoryService } from "./service.ts";
import { candleLines } from "./support.ts";
import { assert, assertEquals } from "@std/assert";

const LINES = candleLines(100, { seed: 3 });
const ROOM: PushOutcome = { state: "refused", code: "room", reason: "full", retryAfterMs: 5 };
const LOAD: PushOutcome = { state: "refused", code: "overload", reason: "slow", retryAfterMs: 40 };
const FULL: PushOutcome = {
  state: "refused",
  code: "disk_full",
  reason: "the disk is full",
  retryAfterMs: 5_000,
};
const FAILED: PushOutcome = { state: "failed", code: "worker", message: "inside" };

const gzipped = (text: string) => Uint8Array.from(gzipSync(text));

interface Sent {
  readonly body: BodyInit;
  readonly type?: string;
  readonly gzip?: boolean;
  readonly query?: string;
}

async function post(app: AdminApp, { body, type, gzip, query }: Sent): Promise<Response> {
  const headers: Record<string, string> = { "content-type": type ?? "application/x-ndjson" };
  if (gzip === true) headers["content-encoding"] = "gzip";
  return await app.request(`/api/candles${query ?? ""}`, { method: "POST", headers, body });
}

async function pushed(app: AdminApp, sent: Sent) {
  const answer = await post(app, sent);
  const text = await answer.text();
  assertEquals(answer.status, 200, text);
  return shape.pushReply.parse(JSON.parse(text));
}

async function problem(app: AdminApp, sent: Sent, status: number, code: string) {
  const answer = await post(app, sent);
  const found = shape.problem.strict().parse(await answer.json());
  assertEquals([answer.status, found.code], [status, code], found.detail);
  return { ...found, headers: answer.headers };
}

function test(
  name: string,
  run: (app: AdminApp, service: MemoryService) => Promise<void>,
  options: AdminOptions = {},
) {
  Deno.test(`POST /api/candles ${name}`, async () => {
    await using service = new MemoryService();
    await run(createApp(service, options), service);
  });
}

/** Rows as the service should hold them, read by JSON.parse. */
function rowsOf(lines: readonly string[]) {
  return lines.map((line) => {
    const { ts, open, high, low, close, volume } = JSON.parse(line);
    return [ts, open, high, low, close, volume];
  });
}

test(
  "takes NDJSON, JSON arrays and objects, plain and gzip, to the same end",
  async (app, service) => {
    const array = `[${LINES.join(",")}]`;
    const forms: Sent[] = [
      { body: LINES.join("\n") },
      { body: `${LINES.join("\r\n")}\r\n` },
      { body: gzipped(LINES.join("\n")), gzip: true },
      { body: array, type: "application/json" },
      { body: gzipped(array), type: "application/json; charset=utf-8", gzip: true },
    ];
    for (const form of forms) {
      service.candles.clear();
      const { accepted, refused, commit } = await pushed(app, form);
      assertEquals([accepted, refused, commit?.candles], [100, 0, 100]);
      assertEquals(service.rowsOf("EUR_USD:H1"), rowsOf(LINES));
    }
    const one = await pushed(app, { body: LINES[0] ?? "", type: "application/json" });
    assertEquals(one.accepted, 1);
  },
);

test("takes chunks cut anywhere", async (app, service) => {
  const bytes = new TextEncoder().encode(LINES.join("\n"));
  for (const size of [1, 7, 64, 1_000]) {
    service.candles.clear();
    let at = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (at >= bytes.length) return controller.close();
        controller.enqueue(bytes.slice(at, at += size));
      },
    });
    assertEquals((await pushed(app, { body })).accepted, 100);
    assertEquals(service.rowsOf("EUR_USD:H1"), rowsOf(LINES));
  }
});

test("says which lines are no candles and why, and takes the others", async (app, service) => {
  const wrong = ["", "nope", "[1]", '{"ts":1}', LINES[1]?.replace('"volume":', '"volume":-') ?? ""];
  const lines = [LINES[0] ?? "", ...wrong, LINES[2] ?? ""];
  const reply = await pushed(app, { body: lines.join("\n") });
  assertEquals(reply.accepted, 2);
  assertEquals(reply.refusals.map(({ line, reason }) => [line, reason]), [
    [3, "notJson"],
    [4, "notObject"],
    [5, "keyMissing"],
    [6, "volumeNegative"],
  ]);
  assertEquals(reply.refused, 4);
  assertEquals(service.rowsOf("EUR_USD:H1").length, 2);
});

test("counts every refused line and names the first hundred", async (app) => {
  const lines = [LINES[0] ?? "", ...Array.from({ length: 250 }, () => "{}")];
  const reply = await pushed(app, { body: lines.join("\n") });
  assertEquals([reply.refused, reply.refusals.length], [250, 100]);
});

test("numbers the values of an array from 1", async (app) => {
  const body = `[${LINES[0]},7,{"ts":"1"},${LINES[1]}]`;
  const reply = await pushed(app, { body, type: "application/json" });
  assertEquals(reply.refusals.map(({ line }) => line), [2, 3]);
});

test("gives candles without a series that of the query, and refuses them without", async (app) => {
  const bare = LINES.slice(0, 3).map((line) => line.replace(',"series":"EUR_USD:H1"', ""));
  const named = await pushed(app, { body: bare.join("\n"), query: "?series=GBP_USD:H4" });
  assertEquals(named.accepted, 3);
  const { issues } = await problem(app, { body: bare.join("\n") }, 422, "no_candles");
  assertEquals(issues?.[0], { path: "line 1", message: "series missing" });
});

test("answers an empty body with nothing accepted", async (app, service) => {
  assertEquals(await pushed(app, { body: "" }), {
    accepted: 0,
    refused: 0,
    refusals: [],
    commit: null,
  });
  assertEquals(service.batches, []);
});

test("passes priority and bulk on, and wrong ones back", async (app, service) => {
  await pushed(app, { body: LINES[0] ?? "", query: "?priority=9&bulk=true" });
  assertEquals(service.batches, [{ rows: 1, priority: 9, bulk: true }]);
  await problem(app, { body: "", query: "?priority=11" }, 422, "shape");
  await problem(app, { body: "", query: "?bulk=yes" }, 422, "shape");
});

test("refuses what is no NDJSON, no JSON, no gzip", async (app) => {
  await problem(app, { body: "ts,open\n1,2\n" }, 422, "ndjson_first_line");
  await problem(app, { body: "[1", type: "application/json" }, 400, "json");
  await problem(app, { body: "[".repeat(99), type: "application/json" }, 400, "json_depth");
  await problem(app, { body: LINES.join("\n"), gzip: true }, 400, "gzip");
  const cut = gzipped(LINES.join("\n")).subarray(0, 300);
  await problem(app, { body: cut, gzip: true }, 400, "gzip");
  await problem(app, { body: LINES.join("\n"), type: "text/csv" }, 415, "content_type");
});

const SMALL = { limits: { pushBytesMax: 5_000, pushUnpackedBytesMax: 9_000 } };

test("stops at its bounds, before and after unpacking", async (app) => {
  await problem(app, { body: LINES.join("\n") }, 413, "too_large");
  const bomb = gzipped(`${LINES[0]}\n`.repeat(1_000));
  assert(bomb.length < 5_000, `${bomb.length} bytes`);
  await problem(app, { body: bomb, gzip: true }, 413, "too_large");
}, SMALL);

test(
  "is 429 without room and under load, 503 without a disk, each with a time",
  async (app, service) => {
    const cases: [PushOutcome, number, string, string][] = [
      [ROOM, 429, "room", "1"],
      [LOAD, 429, "overload", "1"],
      [FULL, 503, "disk_full", "5"],
    ];
    for (const [outcome, status, code, after] of cases) {
      service.refusals.push(outcome);
      const found = await problem(app, { body: LINES.join("\n") }, status, code);
      assertEquals(found.headers.get("retry-after"), after);
      assertEquals(found.pushed, undefined);
    }
  },
);

const FEW = { limits: { pushBatchRows: 10 } };

test(
  "says through which line it is committed when a later batch is refused",
  async (app, service) => {
    let at = 0, sent = Promise.resolve();
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (at === 100) return controller.close();
        if (at === 50) service.refusals.push(LOAD);
        controller.enqueue(new TextEncoder().encode(`${LINES.slice(at, at + 10).join("\n")}\n`));
        at += 10;
        return sent = new Promise((resolve) => setTimeout(resolve, 1));
      },
    });
    const { pushed } = await problem(app, { body }, 429, "overload");
    // The answer may come while more is about to be sent.
    await sent;
    const through = pushed?.throughLine ?? 0;
    assertEquals(pushed?.accepted, through);
    assert(through > 0 && through < 100, `through line ${through}`);
    const held = service.rowsOf("EUR_USD:H1").map(([ts]) => ts);
    const expected = rowsOf(LINES.slice(0, through)).map(([ts]) => ts);
    assertEquals(held.slice(0, through), expected);
  },
  FEW,
);

test("waits for room when it is bulk, and commits every line in order", async (app, service) => {
  service.refusals.push(ROOM, ROOM, ROOM);
  const reply = await pushed(app, { body: LINES.join("\n"), query: "?bulk=true" });
  assertEquals([reply.accepted, reply.commit?.candles], [100, 100]);
  assertEquals(service.rowsOf("EUR_USD:H1"), rowsOf(LINES));
}, FEW);

test("gives up waiting for room in the end", async (app, service) => {
  for (let i = 0; i < 100_000; i++) service.refusals.push({ ...ROOM, retryAfterMs: 1_000 });
  const clock = new VirtualClock();
  const late = createApp(service, { clock });
  const answer = post(late, { body: LINES.join("\n"), query: "?bulk=true" });
  let over = false;
  answer.finally(() => over = true);
  while (!over) {
    clock.advance(100);
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  assertEquals((await answer).status, 429);
  assert(clock.now() >= 30_000 && clock.now() < 40_000, `after ${clock.now()} ms`);
  void app;
});

test("sends a batch that failed again, and gives up after a few tries", async (app, service) => {
  service.refusals.push(FAILED, FAILED);
  assertEquals((await pushed(app, { body: LINES.join("\n") })).accepted, 100);
  service.refusals.push(FAILED, FAILED, FAILED, FAILED);
  const found = await problem(app, { body: LINES.join("\n") }, 503, "failed");
  assert(!found.detail.includes("inside"));
});

test("holds at most a few batches under way, whatever comes in", async (app, service) => {
  const gate = Promise.withResolvers<void>();
  service.gate = gate.promise;
  let sent = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (sent >= 100) return controller.close();
      controller.enqueue(
        new TextEncoder().encode(`${LINES.slice(sent, sent += 10).join("\n")}\n`),
      );
    },
  });
  const answer = pushed(app, { body });
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(service.batches.length, 2);
  assert(sent <= 50, `${sent} lines were taken`);
  gate.resolve();
  assertEquals((await answer).accepted, 100);
}, FEW);
