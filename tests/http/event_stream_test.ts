import { createAdmin } from "../../src/http/app.ts";
import { eventStream, eventText } from "../../src/http/event_stream.ts";
import { VirtualClock } from "../../src/actor/clock.ts";
import { EventHub } from "../../src/monitor/event_hub.ts";
import { MemoryService } from "./service.ts";
import { assert, assertEquals } from "@std/assert";

const decoder = new TextDecoder();

/** Reads a stream until `count` events have come; gives ids, types and data. */
async function events(chunks: AsyncIterator<Uint8Array, unknown>, count: number) {
  const found: [id: string, type: string, data: unknown][] = [];
  let rest = "";
  while (found.length < count) {
    const { done, value } = await chunks.next();
    if (done === true) break;
    const blocks = (rest + decoder.decode(value)).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const event = /^id: (.*)\nevent: (.*)\ndata: (.*)$/.exec(block);
      if (event !== null) found.push([event[1] ?? "", event[2] ?? "", JSON.parse(event[3] ?? "")]);
    }
  }
  return found;
}

const ids = (found: Awaited<ReturnType<typeof events>>) =>
  found.map(([id, type]) => `${id} ${type}`);

Deno.test("GET /api/events resumes after Last-Event-ID, which counts before the query", async () => {
  await using service = new MemoryService();
  const { app, streams } = createAdmin(service);
  for (let i = 1; i <= 4; i++) {
    service.events.publish(i % 2 ? "labels" : "restart", { i }, 1_000 + i);
  }
  const headers = { "last-event-id": "1" };
  const answer = await app.request("/api/events?after=3", { headers });
  assertEquals(answer.headers.get("content-type"), "text/event-stream");
  const chunks = (answer.body ?? new ReadableStream())[Symbol.asyncIterator]();
  const found = await events(chunks, 3);
  assertEquals(ids(found), ["2 restart", "3 labels", "4 restart"]);
  assertEquals(found[0]?.[2], { at: 1_002, data: { i: 2 } });
  await chunks.return?.();
  assertEquals([streams.size, service.events.watchers], [0, 0]);
});

Deno.test("GET /api/events gives only the types asked for", async () => {
  await using service = new MemoryService();
  const { app } = createAdmin(service);
  const answer = await app.request("/api/events?types=labels,health&after=0");
  const chunks = (answer.body ?? new ReadableStream())[Symbol.asyncIterator]();
  for (const type of ["restart", "labels", "dead_letter", "health"]) {
    service.events.publish(type, null, 1);
  }
  assertEquals(ids(await events(chunks, 2)), ["2 labels", "4 health"]);
  await chunks.return?.();
});

Deno.test("GET /api/events tells a client what is no longer kept", async () => {
  await using service = new MemoryService();
  const { app } = createAdmin(service);
  for (let i = 0; i < 1_030; i++) service.events.publish("labels", i, 1);
  const answer = await app.request("/api/events?types=labels&after=2");
  const chunks = (answer.body ?? new ReadableStream())[Symbol.asyncIterator]();
  assertEquals(ids(await events(chunks, 2)), ["6 missed", "7 labels"]);
  await chunks.return?.();
});

Deno.test("eventStream() drops a client that is too slow, with a last event that says so", async () => {
  const hub = new EventHub({ keepMax: 4 });
  const options = { types: null, heartbeatMs: 1_000, clock: new VirtualClock() };
  const chunks = eventStream(hub.subscribe(null), options, new AbortController().signal);
  await chunks.next();
  for (let i = 0; i < 10; i++) hub.publish("labels", i, 1);
  const found = await events(chunks, 99);
  assertEquals(found.at(-1)?.[1], "dropped");
  assertEquals(hub.watchers, 0);
});

Deno.test("eventStream() sends comments while nothing happens, and ends by its signal", async () => {
  const hub = new EventHub();
  const clock = new VirtualClock();
  const stop = new AbortController();
  const options = { types: null, heartbeatMs: 1_000, clock };
  const chunks = eventStream(hub.subscribe(null), options, stop.signal);
  assertEquals(decoder.decode((await chunks.next()).value ?? undefined), "retry: 2000\n\n");
  const next = chunks.next();
  await Promise.resolve();
  clock.advance(1_000);
  assertEquals(decoder.decode((await next).value ?? undefined), ": still here\n\n");
  const last = chunks.next();
  stop.abort();
  assertEquals((await last).done, true);
  assertEquals([hub.watchers, clock.nextTimerAt()], [0, Infinity]);
});

Deno.test("eventText() lets neither type nor data end an event early", () => {
  const text = eventText({ id: 1, type: "a\n\nid: 9", at: 1, data: "x\n\nevent: y" });
  assertEquals(text.match(/\n\n/g)?.length, 1);
  assert(text.endsWith("\n\n"));
});
