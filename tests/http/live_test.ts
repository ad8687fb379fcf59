/** Routes of a page that is watched: the stream over the real handlers, figures, log, access. */

import { VirtualClock } from "../../src/actor/clock.ts";
import { ROUTES } from "../../src/http/api.ts";
import { createAdmin, createApp } from "../../src/http/app.ts";
import { LIVE_TOPIC_NAMES, LIVE_TOPICS, type TopicSource } from "../../src/http/live_topics.ts";
import { figuresReply, logReply } from "../../src/http/live_schemas.ts";
import type { AdminOptions } from "../../src/http/options.ts";
import type { ServicePort } from "../../src/http/port.ts";
import { FIGURE_NAMES, type FigurePoint } from "../../src/monitor/figures.ts";
import { Counter, MemoryService } from "./service.ts";
import { ACT, READ } from "./support.ts";
import { assert, assertEquals } from "@std/assert";

const decoder = new TextDecoder();
const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

/** Lets handlers run to their end, those with timers of the runtime too. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 5));

type Chunks = AsyncIterator<Uint8Array, unknown>;

async function opened(path: string, port: ServicePort, options: AdminOptions = {}) {
  const clock = new VirtualClock();
  const admin = createAdmin(port, { clock, ...options });
  const answer = await admin.app.request(path);
  assertEquals(answer.status, 200);
  const chunks: Chunks = (answer.body ?? new ReadableStream())[Symbol.asyncIterator]();
  return { ...admin, clock, answer, chunks };
}

/** Reads until every one of these events has come; gives the data of the last of each. */
async function until(chunks: Chunks, events: readonly string[]) {
  const found = new Map<string, { at?: number; data?: unknown; topic?: string; detail?: string }>();
  while (events.some((event) => !found.has(event))) {
    const { done, value } = await chunks.next();
    if (done === true) break;
    const [, event = "", data = ""] = /^event: (.*)\ndata: (.*)\n\n$/.exec(
      decoder.decode(value),
    ) ?? [];
    found.set(event, JSON.parse(data));
  }
  return found;
}

const point = (at: number): FigurePoint => ({
  ...Object.fromEntries(FIGURE_NAMES.map((name) => [name, 1])) as Omit<FigurePoint, "at">,
  at,
});

Deno.test("LIVE_TOPICS name routes that answer JSON to whoever may read", () => {
  for (const source of Object.values<TopicSource>(LIVE_TOPICS)) {
    if ("own" in source) continue;
    const routes = "route" in source ? [source.route] : Object.values(source.routes);
    for (const { path } of routes) {
      const { get } = ROUTES[path as "/api/health"];
      assertEquals([get.access, "answers" in get], ["read", false], path);
    }
  }
});

Deno.test("GET /api/live sends of each topic what its route answers", async () => {
  await using service = new MemoryService();
  service.history.add(point(1_000));
  service.history.add(point(2_000));
  const names = LIVE_TOPIC_NAMES.filter((name) => !["log", "counts", "warming"].includes(name));
  const { app, chunks, answer } = await opened(`/api/live?topics=${names.join()}`, service);
  assertEquals(answer.headers.get("content-type"), "text/event-stream");
  assertEquals(answer.headers.get("x-accel-buffering"), "no");
  const found = await until(chunks, names);
  for (const name of names) {
    const source: TopicSource = LIVE_TOPICS[name];
    if (!("route" in source)) continue;
    const query = new URLSearchParams(source.route.query);
    const asked = await app.request(`${source.route.path}?${query}`);
    const frame = found.get(name);
    // Ages and the like move on between the two.
    const shape = (json: unknown) => JSON.stringify(json).replaceAll(/\d+(\.\d+)?(e-\d+)?/g, "0");
    assertEquals(shape(frame?.data), shape(await asked.json()), name);
    assertEquals(frame?.at, 1_700_000_000_000);
  }
  assertEquals((found.get("figures")?.data as { at: number[] }).at, [2_000]);
  assert(service.watches >= 1);
  await chunks.return?.();
});

Deno.test("GET /api/live sends warming as two answers in one, and counts of its own", async () => {
  await using service = new MemoryService();
  service.system.ref(Counter, "nobody").tell("add", { by: 1 });
  const { app, chunks } = await opened("/api/live?topics=warming,counts", service);
  const found = await until(chunks, ["warming", "counts"]);
  const [stats, status] = await Promise.all(
    ["stats", "status"].map(async (name) => (await app.request(`/api/warming/${name}`)).json()),
  );
  assertEquals(found.get("warming")?.data, { stats, status });
  assertEquals(found.get("counts")?.data, {
    ready: true,
    version: "9.9.9",
    seq: 0,
    alertsFiring: 0,
    alertsPaging: 0,
    deadLettersKept: 1,
  });
  await chunks.return?.();
});

Deno.test("GET /api/live says what is not there as a problem of its topic", async () => {
  await using service = new MemoryService();
  service.cache = null;
  const { chunks } = await opened("/api/live?topics=cache,health", service);
  const found = await until(chunks, ["problem", "health"]);
  assertEquals(found.get("problem")?.topic, "cache");
  assert(found.get("problem")?.detail?.startsWith("Cannot "));
  await chunks.return?.();
});

Deno.test("GET /api/live keeps texts of unknown errors inside, and tells them to the log", async () => {
  await using service = new MemoryService();
  const told: unknown[] = [];
  service.webhooks = () => [];
  const failing = Object.assign(Object.create(service) as ServicePort, {
    providers: () => Promise.reject(new Error("an inside text")),
  });
  const onError = (error: unknown) => told.push(error);
  const { chunks } = await opened("/api/live?topics=providers", failing, { onError });
  const found = await until(chunks, ["problem"]);
  assert(!JSON.stringify(found.get("problem")).includes("inside text"));
  assertEquals(told.length, 1);
  await chunks.return?.();
});

Deno.test("GET /api/live: counts are there though a part does not answer", async () => {
  await using service = new MemoryService();
  const stuck = Object.assign(Object.create(service) as ServicePort, {
    alerts: { ...service.alerts, list: () => new Promise(() => {}) },
    letters: { ...service.letters, counts: () => Promise.reject(new Error("down")) },
  });
  const { chunks, clock } = await opened("/api/live?topics=counts", stuck);
  await until(chunks, ["beat"]);
  await settle();
  clock.advance(900);
  const { data } = (await until(chunks, ["counts"])).get("counts") ?? {};
  assertEquals(data, {
    ready: true,
    version: "9.9.9",
    seq: 0,
    alertsFiring: null,
    alertsPaging: null,
    deadLettersKept: null,
  });
  await chunks.return?.();
});

Deno.test("GET /api/live sends lines of the log as they come, not the whole ring again", async () => {
  await using service = new MemoryService();
  for (let i = 0; i < 250; i++) service.lines.sink("info", "/wick/a", `line ${i}`);
  const { chunks, clock } = await opened("/api/live?topics=log", service);
  const ids = async () => {
    const { data } = (await until(chunks, ["log"])).get("log") ?? {};
    return logReply.parse(data).lines.map(({ id }) => id);
  };
  const first = await ids();
  assertEquals([first.length, first.at(-1)], [200, 250]);
  service.lines.sink("warn", "/wick/a", "more");
  service.lines.sink("debug", "/wick/a", "not kept");
  service.lines.sink("warn", "/wick/a", "and more");
  clock.advance(1_000);
  assertEquals(await ids(), [251, 252]);
  await chunks.return?.();
});

Deno.test("GET /api/live refuses unknown topics and names the known ones", async () => {
  await using service = new MemoryService();
  const app = createApp(service);
  for (
    const query of ["?topics=health,nope", "?topics=", "?topics=health,", "", "?topics=toString"]
  ) {
    const answer = await app.request(`/api/live${query}`);
    assertEquals(answer.status, 422, query);
    const { code, detail } = await answer.json();
    assertEquals(code, "shape");
    if (query.includes("nope")) assert(LIVE_TOPIC_NAMES.every((name) => detail.includes(name)));
  }
  const head = await app.request("/api/live?topics=health", { method: "HEAD" });
  assertEquals([head.status, head.headers.get("allow")], [405, "GET"]);
});

Deno.test("GET /api/live counts as a stream: bounded, and ended with the others", async () => {
  await using service = new MemoryService();
  const path = "/api/live?topics=health,health";
  const { app, streams, chunks } = await opened(path, service, { limits: { streamsMax: 1 } });
  const full = await app.request(path);
  assertEquals([full.status, (await full.json()).code], [503, "streams_full"]);
  await until(chunks, ["health"]);
  const last = chunks.next();
  streams.close();
  assertEquals((await last).done, true);
  assertEquals(streams.size, 0);
});

Deno.test("GET /api/live drops a client that leaves a chunk unread", async () => {
  await using service = new MemoryService();
  const { chunks, streams, clock } = await opened("/api/live?topics=health", service, {
    limits: { streamStallMs: 3_000 },
  });
  await chunks.next();
  await settle();
  clock.advance(2_999);
  assertEquals(streams.size, 1);
  clock.advance(1);
  assertEquals([streams.size, await chunks.next().then(() => "read", () => "gone")], [0, "gone"]);
});

Deno.test("GET /api/live lets go of everything when its client goes away", async () => {
  await using service = new MemoryService();
  const clock = new VirtualClock();
  const { app, streams } = createAdmin(service, { clock });
  const answer = await app.request("/api/live?topics=health,log");
  const reader = answer.body?.getReader();
  await reader?.read();
  await reader?.cancel();
  await settle();
  assertEquals([streams.size, clock.nextTimerAt()], [0, Infinity]);
});

Deno.test("GET /api/figures gives points as columns after a time, with targets", async () => {
  await using service = new MemoryService();
  const app = createApp(service);
  for (let i = 1; i <= 4; i++) service.history.add(point(1_000 * i));
  const found = figuresReply.parse(await (await app.request("/api/figures?sinceMs=2000")).json());
  assertEquals(found.at, [3_000, 4_000]);
  assert(FIGURE_NAMES.every((name) => found[name].length === 2));
  assertEquals(found.targets.totalP99Ms?.critical, 100);
  const last = await (await app.request("/api/figures?limit=1")).json();
  assertEquals(last.at, [4_000]);
  assertEquals((await app.request("/api/figures?limit=0")).status, 422);
  // Whoever asks once does not watch.
  assertEquals(service.watches, 0);
});

Deno.test("GET /api/log filters, goes on, and shows no secret", async () => {
  await using service = new MemoryService();
  const app = createApp(service);
  for (const n of [1, 2, 3]) service.lines.sink("warn", "/wick/core/store", `slow ${n}`, { n });
  service.lines.sink("error", "/wick/admin", "a-known-secret", { token: "hide me" });
  const ask = async (query: string) =>
    logReply.parse(await (await app.request(`/api/log${query}`)).json());
  assertEquals((await ask("")).lines.length, 4);
  const found = await ask("?path=core/store&text=SLOW&afterId=1&limit=1");
  assertEquals([found.lines.map(({ message }) => message), found.lastId], [["slow 2"], 2]);
  assertEquals((await ask("?level=error")).lines.map(({ path }) => path), ["/wick/admin"]);
  const text = JSON.stringify(await ask(""));
  assert(!text.includes("a-known-secret") && !text.includes("hide me"), text);
  assertEquals((await app.request("/api/log?level=loud")).status, 422);
});

Deno.test("GET /api/access says what a token may do; without tokens everybody may act", async () => {
  await using service = new MemoryService();
  const open = createApp(service);
  assertEquals(await (await open.request("/api/access")).json(), { read: true, act: true });
  const app = createApp(service, { tokens: { read: READ, act: ACT } });
  const asked = async (token: string) =>
    await (await app.request("/api/access", bearer(token))).json();
  assertEquals(await asked(READ), { read: true, act: false });
  assertEquals(await asked(ACT), { read: true, act: true });
  const nobody = createApp(service, { tokens: { read: READ } });
  const found = await nobody.request("/api/access", bearer(READ));
  assertEquals(await found.json(), { read: true, act: false });
});

Deno.test("routes of a watched page ask for the token for reading", async () => {
  await using service = new MemoryService();
  const app = createApp(service, { tokens: { act: ACT } });
  for (const path of ["/api/live?topics=log", "/api/figures", "/api/log", "/api/access"]) {
    assertEquals((await app.request(path)).status, 401, path);
  }
});
