import { createApp } from "../../src/http/app.ts";
import { runSpec } from "../../src/http/refresh_input.ts";
import { type AdminApp, ROUTES, type RouteSpec } from "../../src/http/api.ts";
import type { AdminOptions } from "../../src/http/options.ts";
import * as shape from "../../src/http/schemas.ts";
import type { z } from "zod";
import { candleLines } from "./support.ts";
import { INSIDE, MemoryService } from "./service.ts";
import { ACT, READ } from "./support.ts";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";

const NDJSON = { "content-type": "application/x-ndjson" };
const JSON_TYPE = { "content-type": "application/json" };

/** A test over a service and its app. */
function test(
  name: string,
  run: (app: AdminApp, service: MemoryService) => Promise<void>,
  options: AdminOptions = {},
) {
  Deno.test(name, async () => {
    await using service = new MemoryService();
    await run(createApp(service, options), service);
  });
}

async function push(app: AdminApp, lines: readonly string[], query = "") {
  return await app.request(`/api/candles${query}`, {
    method: "POST",
    headers: NDJSON,
    body: lines.join("\n"),
  });
}

async function send(app: AdminApp, path: string, body: unknown) {
  const init = { method: "POST", headers: JSON_TYPE, body: JSON.stringify(body) };
  return await app.request(`/api/actors/${path}/messages`, init);
}

async function read<S extends z.ZodType>(answer: Response, schema: S): Promise<z.output<S>> {
  const text = await answer.text();
  assertEquals(answer.status, 200, text);
  return schema.parse(JSON.parse(text));
}

async function problemOf(answer: Response, status: number, code: string) {
  const text = await answer.text();
  const found = shape.problem.strict().parse(JSON.parse(text));
  assertEquals([answer.status, found.status, found.code], [status, status, code], text);
  assertEquals(answer.headers.get("content-type"), "application/problem+json");
  return found;
}

// ---- every route --------------------------------------------------------------------------------

test("every readable route answers in its declared shape", async (app, service) => {
  await push(app, candleLines(80));
  service.refresh?.addEdges(["A"]);
  const edges = [{ edgeId: "A", value: 1 }], sets = [{ setId: "s", members: ["A"] }];
  service.refresh?.createRun(runSpec.parse({ runId: "r", edges, sets }));
  service.system.deadLetters.add({
    at: 1,
    path: "/wick/counter",
    type: "add",
    payload: { by: 1 },
    reason: "overflow",
    cause: 1,
    bytes: 64,
  });
  const urls: Record<string, string> = {
    "/api/actors/:path{.+}": "/api/actors/wick/counter",
    "/api/dead-letters/:id": "/api/dead-letters/1",
    "/api/labels": "/api/labels?series=EUR_USD:H1",
    "/api/candles": "/api/candles?series=EUR_USD:H1",
    "/api/series/:series/chart": "/api/series/EUR_USD:H1/chart?bars=40",
    "/api/series/:series/open-events": "/api/series/EUR_USD:H1/open-events",
    "/api/instruments/:symbol": "/api/instruments/EUR_USD",
    "/api/levels": "/api/levels?symbol=EUR_USD",
    "/api/jobs/:id": "/api/jobs/night",
    "/api/jobs/:id/report": "/api/jobs/night/report",
    "/api/cache/keys/:key": "/api/cache/keys/price:AAPL",
    "/api/edges/:id": "/api/edges/A",
    "/api/clusters/:id/correlations": "/api/clusters/A/correlations",
    "/api/runs/:id": "/api/runs/r",
    "/api/runs/:id/explain": "/api/runs/r/explain?set=s",
    "/api/nodes/:node/health": "/api/nodes/here/health",
    "/api/nodes/:node/status": "/api/nodes/here/status",
    "/api/nodes/:node/actors": "/api/nodes/here/actors",
    "/api/nodes/:node/actors/:path{.+}": "/api/nodes/here/actors/counter",
  };
  for (const [path, methods] of Object.entries(ROUTES)) {
    const spec = (methods as Readonly<Record<string, RouteSpec>>).get;
    if (spec === undefined || spec.answers === "stream" || spec.answers === "events") continue;
    const answer = await app.request(urls[path] ?? path);
    assertEquals(answer.status, 200, path);
    const text = await answer.text();
    if (spec.reply !== undefined) spec.reply.parse(JSON.parse(text));
    assertMatch(answer.headers.get("content-security-policy") ?? "", /script-src 'self';/);
    assertEquals(answer.headers.get("x-content-type-options"), "nosniff");
  }
});

test(
  "every route but the open ones asks for a token, and acting for the token to act",
  async (app) => {
    for (const [path, methods] of Object.entries(ROUTES)) {
      for (const [method, spec] of Object.entries<RouteSpec>(methods)) {
        const url = path.replace(":path{.+}", "counter").replace(/:\w+/, "1");
        const ask = async (token: string | null) => {
          const headers = token === null ? undefined : { authorization: `Bearer ${token}` };
          const init = { method: method.toUpperCase(), ...(headers && { headers }) };
          const answer = await app.request(url, init);
          await answer.body?.cancel();
          return answer.status;
        };
        const open = spec.access === "open";
        assertEquals(await ask(null) === 401, !open, `${method} ${path} without a token`);
        const isReadOnly = spec.access === "act";
        assertEquals(await ask(READ) === 403, isReadOnly, `${method} ${path} with the read token`);
        assert(![401, 403].includes(await ask(ACT)), `${method} ${path} with the token to act`);
      }
    }
  },
  { tokens: { read: READ, act: ACT } },
);

test("unknown routes, methods and queries are problems", async (app) => {
  await problemOf(await app.request("/api/nothing"), 404, "no_route");
  const answer = await app.request("/api/series", { method: "PUT" });
  assertEquals(answer.headers.get("allow"), "GET, HEAD");
  await problemOf(answer, 405, "method");
  await problemOf(await app.request("/api/series", { method: "TRACY" }), 405, "method");
  await problemOf(await app.request("/api/series?x=1"), 422, "shape");
  await problemOf(await app.request("/healthz/"), 400, "path");
});

test("HEAD answers like GET without a body, and not at all for streams", async (app) => {
  const answer = await app.request("/healthz", { method: "HEAD" });
  assertEquals([answer.status, await answer.text()], [200, ""]);
  assertEquals((await app.request("/api/events", { method: "HEAD" })).status, 405);
});

test("readyz says 503 and what it waits for", async (app, service) => {
  service.waiting = ["store"];
  const answer = await app.request("/readyz");
  assertEquals(answer.status, 503);
  assertEquals(await answer.json(), { ready: false, waitingFor: ["store"] });
});

// ---- actors -------------------------------------------------------------------------------------

test("messages reach their actor: tell, ask, and ask by default where there is a reply", async (app) => {
  assertEquals((await send(app, "counter", { type: "add", payload: { by: 2 } })).status, 202);
  const init = { type: "add", payload: { by: 3 }, mode: "tell" };
  assertEquals((await send(app, "wick/counter", init)).status, 202);
  const total = await send(app, "counter", { type: "total" });
  assertEquals(await read(total, shape.sendReply), { state: "replied", reply: 5 });
});

test(
  "a wrong shape is a 422 that names the field, and the actor never sees it",
  async (app, service) => {
    const wrong: [unknown, string, string][] = [
      [{ type: "add", payload: { by: "2" } }, "invalid_message", "payload.by"],
      [{ type: "add", payload: { by: 2, more: 1 } }, "invalid_message", "payload"],
      [{ type: "add" }, "invalid_message", "payload.by"],
      [{ type: "add", payload: { by: 1 }, mode: "shout" }, "shape", "json.mode"],
      [{ type: "add", payload: { by: 1 }, extra: 1 }, "shape", "json"],
      [{ payload: { by: 1 } }, "shape", "json.type"],
      [{ type: "total", timeoutMs: 0 }, "shape", "json.timeoutMs"],
      [[], "shape", "json"],
      [null, "shape", "json"],
    ];
    for (const [body, code, path] of wrong) {
      const { issues } = await problemOf(await send(app, "counter", body), 422, code);
      assertEquals(issues?.[0]?.path, path, JSON.stringify(body));
    }
    const unknown = ["nothing", "constructor", "__proto__", "secret"];
    for (const type of unknown) {
      await problemOf(await send(app, "counter", { type }), 422, "invalid_message");
    }
    assertEquals(service.system.counts().sent, 0);
  },
);

test("asking what cannot be asked, nobody, and supervisors are told apart", async (app) => {
  const ask = { type: "add", payload: { by: 1 }, mode: "ask" };
  await problemOf(await send(app, "counter", ask), 422, "invalid_message");
  await problemOf(await send(app, "core/nobody", { type: "add" }), 404, "no_actor");
  await problemOf(await send(app, "wick", { type: "add" }), 409, "no_actor");
  await problemOf(await app.request("/api/actors/wick/wick/counter"), 404, "no_actor");
});

test("a crash and a silence are problems that show nothing internal", async (app) => {
  const crash = await send(app, "counter", { type: "fail" });
  const text = JSON.stringify(await problemOf(crash, 502, "actor_failed"));
  assert(!text.includes(INSIDE));
  const silent = await send(app, "counter", { type: "never", timeoutMs: 20 });
  await problemOf(silent, 504, "ask_timeout");
});

test("an actor can be restarted and stopped, the root cannot", async (app, service) => {
  const restart = await app.request("/api/actors/counter/restart", { method: "POST" });
  assertEquals(await read(restart, shape.nodeDone), { path: "/wick/counter", done: "restarted" });
  assertEquals(service.system.tree().children[0]?.incarnation, 2);
  const stop = await app.request("/api/actors/wick/counter/stop", { method: "POST" });
  assertEquals((await read(stop, shape.nodeDone)).done, "stopped");
  assertEquals(service.system.tree().children, []);
  await problemOf(await send(app, "counter", { type: "total" }), 404, "no_actor");
  const root = await app.request("/api/actors/wick/stop", { method: "POST" });
  await problemOf(root, 409, "no_child");
});

test("the history of restarts: all, of a path, of what is below, up to a limit", async (app) => {
  const restarts = async (query: string) =>
    (await read(await app.request(`/api/restarts${query}`), shape.restartsReply)).restarts;
  assertEquals(await restarts(""), []);
  await send(app, "counter", { type: "fail" });
  await app.request("/api/actors/counter/restart", { method: "POST" });
  let all = await restarts("");
  while (all[0]?.outcome !== "up" || all.length < 2) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    all = await restarts("");
  }
  assertEquals(
    all.map(({ path, event, incarnation, cause }) => [path, event, incarnation, cause]),
    [
      ["/wick/counter", "restarted", 2, "request"],
      ["/wick/counter", "restarted", 1, "failure"],
    ],
  );
  assertEquals((await restarts("?path=/wick/counter&limit=1")).length, 1);
  assertEquals(await restarts("?path=/wick"), []);
  assertEquals((await restarts("?path=/wick&below=true")).length, 2);
  await problemOf(await app.request("/api/restarts?limit=0"), 422, "shape");
});

// ---- dead letters -------------------------------------------------------------------------------

function bury(service: MemoryService, count: number, payload: unknown = { by: 1 }) {
  for (let i = 0; i < count; i++) {
    const reason = i % 2 === 0 ? "overflow" as const : "crashed" as const;
    const path = "/wick/counter";
    service.system.deadLetters.add({
      at: i,
      path,
      type: "add",
      payload,
      reason,
      cause: i,
      bytes: 9,
    });
  }
}

test("dead letters come in pages, and every one once", async (app, service) => {
  bury(service, 7);
  const seen: number[] = [];
  let next: string | null = "0";
  while (next !== null) {
    const url: string = `/api/dead-letters?limit=3&cursor=${next}`;
    const page: z.output<typeof shape.lettersReply> = await read(
      await app.request(url),
      shape.lettersReply,
    );
    seen.push(...page.letters.map(({ id }) => id));
    next = page.next;
  }
  assertEquals(seen, [1, 2, 3, 4, 5, 6, 7]);
});

test("one letter is replayed by its id, and no other", async (app, service) => {
  bury(service, 5);
  const answer = await app.request("/api/dead-letters/3/replay", { method: "POST" });
  assertEquals((await read(answer, shape.lettersDone)).accepted, 1);
  assertEquals(service.system.deadLetters.list().map(({ id }) => id), [1, 2, 4, 5]);
  const total = await send(app, "counter", { type: "total" });
  assertEquals(await read(total, shape.sendReply), { state: "replied", reply: 1 });
  const again = await app.request("/api/dead-letters/3/replay", { method: "POST" });
  await problemOf(again, 404, "no_letter");
});

test("dead letters come the latest first too, every one once", async (app, service) => {
  bury(service, 7);
  const seen: number[] = [];
  let cursor = "";
  for (let page = 0; page < 3; page++) {
    const answer = await app.request(`/api/dead-letters?latestFirst=true&limit=3${cursor}`);
    const { letters, next } = await read(answer, shape.lettersReply);
    seen.push(...letters.map(({ id }) => id));
    cursor = `&cursor=${next}`;
  }
  assertEquals(seen, [7, 6, 5, 4, 3, 2, 1]);
  assertEquals(cursor, "&cursor=null");
});

test("letters are replayed and dropped by their numbers", async (app, service) => {
  bury(service, 6);
  const replay = await app.request("/api/dead-letters/replay?ids=2,5,2,99", { method: "POST" });
  assertEquals((await read(replay, shape.lettersDone)).accepted, 2);
  const dry = await app.request("/api/dead-letters?ids=1,2,3&dryRun=true", { method: "DELETE" });
  assertEquals((await read(dry, shape.lettersDone)).matched, 2);
  const drop = await app.request("/api/dead-letters?ids=1,3", { method: "DELETE" });
  assertEquals((await read(drop, shape.lettersDone)).accepted, 2);
  assertEquals(service.system.deadLetters.list().map(({ id }) => id), [4, 6]);
});

test("numbers of letters stand alone, and are bounded", async (app) => {
  const many = Array.from({ length: shape.LETTER_IDS_MAX + 1 }, (_, i) => i).join(",");
  for (const query of ["ids=1&type=add", "ids=1,,2", "ids=", "ids=x", `ids=${many}`]) {
    const answer = await app.request(`/api/dead-letters?${query}`, { method: "DELETE" });
    await problemOf(answer, 422, "shape");
  }
});

test("a dry run says where letters would go, and which could not", async (app, service) => {
  bury(service, 4);
  const about = { at: 9, payload: {}, reason: "stopped", cause: 9, bytes: 9 } as const;
  service.system.deadLetters.add({ ...about, path: "/wick/gone", type: "add" });
  service.system.deadLetters.add({ ...about, path: "/wick/counter", type: "none" });
  const dry = await app.request("/api/dead-letters/replay?dryRun=true", { method: "POST" });
  const { problems, ...rest } = await read(dry, shape.lettersDone);
  assertEquals(rest, {
    matched: 6,
    accepted: 4,
    refused: 2,
    places: [
      { path: "/wick/counter", type: "add", letters: 4, accepted: 4 },
      { path: "/wick/gone", type: "add", letters: 1, accepted: 0 },
      { path: "/wick/counter", type: "none", letters: 1, accepted: 0 },
    ],
    dryRun: true,
  });
  assertEquals(problems.map(({ id, code }) => [id, code]), [
    [5, "actor_stopped"],
    [6, "invalid_message"],
  ]);
  assertEquals(service.system.deadLetters.size, 6);
});

test("letters are replayed and dropped by filter; a dry run only counts", async (app, service) => {
  bury(service, 6);
  const dry = await app.request("/api/dead-letters/replay?reason=crashed&dryRun=true", {
    method: "POST",
  });
  const places = [{ path: "/wick/counter", type: "add", letters: 3, accepted: 3 }];
  const counted = { matched: 3, accepted: 3, refused: 0, problems: [], places, dryRun: true };
  assertEquals(await read(dry, shape.lettersDone), counted);
  assertEquals(service.system.deadLetters.size, 6);
  const replay = await app.request("/api/dead-letters/replay?reason=crashed", { method: "POST" });
  assertEquals((await read(replay, shape.lettersDone)).accepted, 3);
  const drop = await app.request("/api/dead-letters?path=/wick/counter&limit=2", {
    method: "DELETE",
  });
  assertEquals((await read(drop, shape.lettersDone)).matched, 2);
  assertEquals(service.system.deadLetters.size, 1);
});

test(
  "a letter's payload is shown as JSON can hold it, cut where it is long",
  async (app, service) => {
    const circle: Record<string, unknown> = { column: new Float64Array(1e6), big: 1n, nan: NaN };
    circle.self = circle;
    circle.text = "x".repeat(1e6);
    bury(service, 1, circle);
    const page = await (await app.request("/api/dead-letters")).text();
    assert(page.length < 4_096, `${page.length} characters`);
    assertStringIncludes(page, '"column":"Float64Array","length":1000000');
    const letter = await (await app.request("/api/dead-letters/1")).text();
    assert(letter.length < 300_000, `${letter.length} characters`);
  },
);

// ---- candles ------------------------------------------------------------------------------------

test("candles that were pushed come back, page by page", async (app) => {
  const lines = candleLines(25);
  assertEquals((await push(app, lines)).status, 200);
  const rows: unknown[] = [];
  let cursor: string | null = "";
  while (cursor !== null) {
    const tail: string = cursor === "" ? "" : `&cursor=${cursor}`;
    const url: string = `/api/candles?series=EUR_USD:H1&limit=10${tail}`;
    const page: z.output<typeof shape.candlesReply> = await read(
      await app.request(url),
      shape.candlesReply,
    );
    rows.push(...page.rows);
    cursor = page.next;
  }
  const expected = lines.map((line) => {
    const { series: _series, ...row } = JSON.parse(line);
    return row;
  });
  assertEquals(rows, expected);
});

test("a range is from inclusive to exclusive, in milliseconds or ISO", async (app) => {
  const fromTs = Date.UTC(2024, 0, 1);
  await push(app, candleLines(48, { fromTs }));
  const ranges = [
    `from=${fromTs}&to=${fromTs + 24 * 3_600_000}`,
    "from=2024-01-01&to=2024-01-02",
    "from=2024-01-01T00:00:00Z&to=2024-01-02T00:00:00Z",
  ];
  for (const range of ranges) {
    const answer = await app.request(`/api/candles?series=EUR_USD:H1&${range}`);
    const { rows } = await read(answer, shape.candlesReply);
    assertEquals([rows.length, rows[0]?.ts, rows.at(-1)?.ts], [
      24,
      fromTs,
      fromTs + 23 * 3_600_000,
    ]);
  }
});

test("wrong queries are 422 and name the parameter", async (app) => {
  const wrong: [string, string][] = [
    ["", "query.series"],
    ["series=EUR_USD", "query.series"],
    ["series=EUR_USD:H1&limit=0", "query.limit"],
    ["series=EUR_USD:H1&limit=10001", "query.limit"],
    ["series=EUR_USD:H1&limit=1e2x", "query.limit"],
    ["series=EUR_USD:H1&limit=0x10", "query.limit"],
    ["series=EUR_USD:H1&limit=", "query.limit"],
    ["series=EUR_USD:H1&limit=1&limit=2", "query.limit"],
    ["series=EUR_USD:H1&from=yesterday", "query.from"],
    ["series=EUR_USD:H1&from=1e999", "query.from"],
    ["series=EUR_USD:H1&cursor=abc", "query.cursor"],
    ["series=EUR_USD:H1&asOf=-1", "query.asOf"],
    ["series=EUR_USD:H1&__proto__=1", "query"],
    ["series=EUR_USD:H1&constructor=1", "query"],
  ];
  for (const [query, path] of wrong) {
    const answer = await app.request(`/api/candles?${query}`);
    const { issues } = await problemOf(answer, 422, "shape");
    assertEquals(issues?.[0]?.path, path, query);
  }
});

test("history that was given up is 410 with the oldest seq", async (app, service) => {
  service.oldestSeq = 7;
  for (const what of ["candles", "labels"]) {
    const answer = await app.request(`/api/${what}?series=EUR_USD:H1&asOf=3`);
    assertEquals((await problemOf(answer, 410, "gone")).oldestSeq, 7);
  }
});

test("instruments are registered, replaced and read; wrong ones are 422", async (app) => {
  const put = (symbol: string, body: unknown) =>
    app.request(`/api/instruments/${symbol}`, {
      method: "PUT",
      headers: JSON_TYPE,
      body: JSON.stringify(body),
    });
  const made = await read(await put("ACME", { sector: "Anvils" }), shape.instrument);
  assertEquals([made.assetClass, made.sector, made.source], ["equity", "Anvils", "registered"]);
  const list = await (await app.request("/api/instruments")).json();
  assertEquals(list, { instruments: [made] });
  await problemOf(await put("ACME", { priceDigits: 99 }), 422, "shape");
  await problemOf(await put("ACME", { symbol: "X" }), 422, "shape");
  await problemOf(await put("A%20B", {}), 422, "shape");
});

test("levels are put and read as a levels file spells them", async (app) => {
  const levels = [{ kind: "support", price: 1.1, from_ts: 0, to_ts: 10 }];
  const put = (body: unknown) =>
    app.request("/api/levels?symbol=EUR_USD", {
      method: "PUT",
      headers: JSON_TYPE,
      body: JSON.stringify(body),
    });
  assertEquals((await put(levels)).status, 200);
  const answer = await app.request("/api/levels?symbol=EUR_USD");
  assertEquals(await read(answer, shape.levelsReply), { symbol: "EUR_USD", levels });
  await problemOf(await put([{ ...levels[0], to_ts: -1 }]), 422, "shape");
  await problemOf(await put([{ ...levels[0], kind: "floor" }]), 422, "shape");
});

test("a backup says where it lies, or why it was not made", async (app) => {
  const post = (file: string) =>
    app.request("/api/backup", {
      method: "POST",
      headers: JSON_TYPE,
      body: JSON.stringify({ file }),
    });
  assertEquals(await read(await post("copy.db"), shape.backupReply), {
    file: "copy.db",
    bytes: 4_096,
  });
  await problemOf(await post("taken.db"), 409, "exists");
});

// ---- bodies -------------------------------------------------------------------------------------

test("bodies of another type, encoding, size or depth are refused", async (app) => {
  const post = (body: BodyInit | null, headers: Record<string, string> = JSON_TYPE) =>
    app.request("/api/actors/counter/messages", { method: "POST", headers, body });
  await problemOf(await post("{}", { "content-type": "text/plain" }), 415, "content_type");
  await problemOf(await post("{}", {}), 415, "content_type");
  const gzip = { ...JSON_TYPE, "content-encoding": "gzip" };
  await problemOf(await post("{}", gzip), 415, "content_encoding");
  await problemOf(await post(""), 400, "json");
  await problemOf(await post("{"), 400, "json");
  await problemOf(await post(new Uint8Array([0x22, 0xff, 0x22])), 400, "json");
  await problemOf(await post("[".repeat(50_000)), 400, "json_depth");
  await problemOf(await post(`"${"x".repeat(2 ** 20)}"`), 413, "too_large");
  const typed = { "content-type": "Application/JSON; charset=utf-8" };
  assertEquals((await post('{"type":"total"}', typed)).status, 200);
});

test("an error inside is 500, told to the log, and shows nothing", async (_app, service) => {
  const told: unknown[] = [];
  const failing = { ...service.data, series: () => Promise.reject(new Error(INSIDE)) };
  const port = {
    about: service.about,
    actors: service.actors,
    letters: service.letters,
    data: failing,
    log: service.log,
    events: service.events,
    webhooks: () => [],
    jobs: service.jobs,
    cache: null,
    warming: null,
    refresh: null,
    providers: () => [],
    waitingFor: () => [],
    health: () => service.health(),
    alerts: service.alerts,
    figures: service.figures,
    lines: service.lines,
    nodes: () => service.nodes(),
    tuning: () => service.tuning(),
    metrics: () => "",
  };
  const app = createApp(port, { onError: (error) => told.push(error) });
  const found = await problemOf(await app.request("/api/series"), 500, "internal");
  assert(!JSON.stringify(found).includes(INSIDE));
  assertEquals(told.length, 1);
});
