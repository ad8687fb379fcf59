import { createAdmin } from "../../src/http/app.ts";
import type { Admin } from "../../src/http/app.ts";
import type { AdminOptions } from "../../src/http/options.ts";
import { VirtualClock } from "../../src/actor/clock.ts";
import { seededRandom } from "../../src/actor/mod.ts";
import * as shape from "../../src/http/schemas.ts";
import type { z } from "zod";
import { MemoryService } from "./service.ts";
import { candleLines } from "./support.ts";
import { assert, assertEquals } from "@std/assert";

type Line = z.output<typeof shape.streamLine>;
type LabelLine = Extract<Line, { type: "label" }>;

async function push(admin: Admin, lines: readonly string[]) {
  const headers = { "content-type": "application/x-ndjson" };
  const init = { method: "POST", headers, body: lines.join("\n") };
  assertEquals((await admin.app.request("/api/candles", init)).status, 200);
}

/** Reads a stream line by line. */
class Lines {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder();
  #rest = "";

  constructor(answer: Response) {
    assertEquals(answer.status, 200);
    assert(answer.body !== null);
    this.#reader = answer.body.getReader();
  }

  /** The next line, parsed by the schema; null at the end. */
  async next(): Promise<Line | null> {
    while (!this.#rest.includes("\n")) {
      const { done, value } = await this.#reader.read();
      if (done) return null;
      this.#rest += this.#decoder.decode(value, { stream: true });
    }
    const end = this.#rest.indexOf("\n");
    const line = this.#rest.slice(0, end);
    this.#rest = this.#rest.slice(end + 1);
    return shape.streamLine.parse(JSON.parse(line));
  }

  async labels(count: number): Promise<LabelLine[]> {
    const found: LabelLine[] = [];
    while (found.length < count) {
      const line = await this.next();
      assert(line !== null, `the stream ended after ${found.length} rows`);
      if (line.type === "label") found.push(line);
    }
    return found;
  }

  async close() {
    await this.#reader.cancel();
  }
}

const open = async (admin: Admin, query = "", headers: Record<string, string> = {}) =>
  await admin.app.request(`/api/labels/stream${query}`, { headers });

const placeOf = ({ seq, row }: LabelLine) => `${seq}-${row}`;

function test(
  name: string,
  run: (admin: Admin, service: MemoryService) => Promise<void>,
  options: AdminOptions = {},
) {
  Deno.test(`GET /api/labels/stream ${name}`, async () => {
    await using service = new MemoryService();
    const admin = createAdmin(service, options);
    await run(admin, service);
    // Streams that were left and that ended leave nothing behind.
    await new Promise((resolve) => setTimeout(resolve, 0));
    assertEquals([admin.streams.size, service.wakers], [0, 0]);
  });
}

/** Every row that is in the log, by the log itself. */
async function logged(service: MemoryService): Promise<string[]> {
  const found = await service.log.after(0, Infinity);
  assert(found.state === "ok");
  return found.commits.flatMap(({ seq, labels }) =>
    Array.from({ length: labels.length }, (_, row) => `${seq}-${row}`)
  );
}

test("gives every row once, in order, and goes on as commits come", async (admin, service) => {
  const lines = candleLines(200, { seed: 5 });
  await push(admin, lines.slice(0, 100));
  const stream = new Lines(await open(admin, "?after=0"));
  const before = await stream.labels((await logged(service)).length);
  for (let i = 100; i < 200; i += 25) await push(admin, lines.slice(i, i + 25));
  const all = await logged(service);
  const after = await stream.labels(all.length - before.length);
  assertEquals([...before, ...after].map(placeOf), all);
  await stream.close();
});

test("gives a revision as a row of its own", async (admin) => {
  const lines = candleLines(60, { seed: 6 });
  await push(admin, lines);
  const stream = new Lines(await open(admin));
  assertEquals((await stream.next())?.type, "heartbeat");
  await push(admin, [(lines[40] ?? "").replace(/"low":[\d.]+/, '"low":0.9')]);
  const [first] = await stream.labels(1);
  assertEquals([first?.seq, first?.revision, first?.removed], [2, 1, false]);
  await stream.close();
});

test("without a place gives only what comes", async (admin) => {
  const lines = candleLines(80, { seed: 7 });
  await push(admin, lines.slice(0, 60));
  const stream = new Lines(await open(admin));
  assertEquals(await stream.next(), { type: "heartbeat", seq: 1 });
  await push(admin, lines.slice(60));
  const [first] = await stream.labels(1);
  assertEquals(first?.seq, 2);
  await stream.close();
});

test(
  "resumed anywhere, also within a commit, misses and repeats nothing",
  async (admin, service) => {
    const seed = 8;
    const random = seededRandom(seed);
    const lines = candleLines(900, { seed });
    for (let i = 0; i < 900; i += 300) await push(admin, lines.slice(i, i + 300));
    const all = await logged(service);
    const seen: string[] = [];
    let after = "0";
    while (seen.length < all.length) {
      const stream = new Lines(await open(admin, `?after=${after}`));
      const count = Math.min(all.length - seen.length, 1 + Math.floor(random.next() * 200));
      seen.push(...(await stream.labels(count)).map(placeOf));
      after = seen.at(-1) ?? "0";
      await stream.close();
    }
    assertEquals(seen, all, `seed ${seed}`);
  },
);

test("resumed by the seq of a whole commit goes on with the next", async (admin, service) => {
  const lines = candleLines(120, { seed: 9 });
  for (let i = 0; i < 120; i += 40) await push(admin, lines.slice(i, i + 40));
  const stream = new Lines(await open(admin, "?after=2"));
  const expected = (await logged(service)).filter((place) => place.startsWith("3-"));
  assertEquals((await stream.labels(expected.length)).map(placeOf), expected);
  await stream.close();
});

test("gives only the series asked for, with their places in the commit", async (admin, service) => {
  const eur = candleLines(40, { seed: 1 });
  const gbp = candleLines(40, { seed: 2, series: "GBP_USD:H4" });
  await push(admin, [...eur, ...gbp]);
  const stream = new Lines(await open(admin, "?after=0&series=GBP_USD:H4,USD_JPY:H1"));
  const everything = new Lines(await open(admin, "?after=0"));
  const all = await everything.labels((await logged(service)).length);
  const expected = all.filter(({ series }) => series === "GBP_USD:H4").map(placeOf);
  assert(expected.length > 0 && expected.length < all.length);
  assertEquals((await stream.labels(expected.length)).map(placeOf), expected);
  await everything.close();
  await stream.close();
  assertEquals((await open(admin, "?series=GBP")).status, 422);
});

test("as server-sent events resumes by Last-Event-ID", async (admin, service) => {
  await push(admin, candleLines(40));
  const accept = "text/event-stream";
  const answer = await open(admin, "?after=0", { accept, "last-event-id": "1-17" });
  assertEquals(answer.headers.get("content-type"), accept);
  const reader = (answer.body ?? new ReadableStream()).getReader();
  let text = "";
  const expected = (await logged(service)).slice(18).map((place) => `id: ${place}`);
  while (!text.includes(expected.at(-1) ?? "")) {
    text += new TextDecoder().decode((await reader.read()).value);
  }
  const events = text.split("\n\n").filter((event) => event.startsWith("id:"));
  assertEquals(events.map((event) => event.split("\n")[0]), expected);
  for (const event of events) {
    const data = event.split("\n")[1]?.replace(/^data: /, "") ?? "";
    assertEquals(shape.streamLine.parse(JSON.parse(data)).type, "label");
  }
  await reader.cancel();
});

test("from before what the log keeps is 410, from the future 409", async (admin, service) => {
  await push(admin, candleLines(40));
  service.oldestSeq = 1;
  const gone = await open(admin, "?after=0");
  assertEquals(gone.status, 410);
  assertEquals(shape.problem.parse(await gone.json()).oldestSeq, 1);
  assertEquals((await open(admin, "?after=2")).status, 409);
  assertEquals((await open(admin, "?after=1-2-3")).status, 422);
});

test(
  "of a client that fell behind the log ends with a line that says so",
  async (admin, service) => {
    const lines = candleLines(90);
    await push(admin, lines.slice(0, 60));
    const stream = new Lines(await open(admin));
    await stream.next();
    await push(admin, lines.slice(60));
    service.oldestSeq = 2;
    assertEquals(await stream.next(), { type: "end", seq: 1, code: "gone", oldestSeq: 2 });
    assertEquals(await stream.next(), null);
  },
);

test("ends with a line that says so when the service stops", async (admin) => {
  const stream = new Lines(await open(admin));
  await stream.next();
  admin.streams.close();
  assertEquals(await stream.next(), { type: "end", seq: 0, code: "shutdown" });
  assertEquals(await stream.next(), null);
  const refused = await open(admin);
  assertEquals(refused.status, 503);
  await refused.body?.cancel();
});

test(
  "is 503 until the service is up: a place to resume from is no mistake then",
  async (admin, service) => {
    service.waiting = ["store"];
    const answer = await open(admin, "?after=5");
    const problem = shape.problem.parse(await answer.json());
    assertEquals([answer.status, problem.code], [503, "not_ready"]);
  },
);

const clock = new VirtualClock();

test("sends heartbeats while nothing comes", async (admin) => {
  const stream = new Lines(await open(admin));
  await stream.next();
  for (let i = 0; i < 3; i++) {
    const next = stream.next();
    await new Promise((resolve) => setTimeout(resolve, 0));
    clock.advance(1_000);
    assertEquals(await next, { type: "heartbeat", seq: 0 });
  }
  await stream.close();
}, { clock, limits: { heartbeatMs: 1_000 } });

test("is dropped when its client leaves a chunk unread for too long", async (admin) => {
  const stream = new Lines(await open(admin));
  await stream.next();
  assertEquals(admin.streams.size, 1);
  clock.advance(5_001);
  assertEquals(admin.streams.size, 0);
  await stream.next().then(() => assert(false), (error) => assert(error instanceof Error));
}, { clock, limits: { streamStallMs: 5_000, heartbeatMs: 1e9 } });

test("is refused beyond the bound on streams", async (admin) => {
  const first = new Lines(await open(admin));
  await first.next();
  const second = await open(admin);
  assertEquals([second.status, second.headers.get("retry-after")], [503, "5"]);
  await second.body?.cancel();
  await first.close();
}, { limits: { streamsMax: 1 } });
