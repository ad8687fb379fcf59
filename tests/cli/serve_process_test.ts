/** `wick serve` as a process: start, HTTP, signals, restarts, kills, and who else has the data. */

import { assert, assertEquals, assertGreater, assertMatch } from "@std/assert";
import { DEFAULT_PARAMS } from "../../src/label/params.ts";
import { rowObject } from "../../src/label/row_object.ts";
import { LabelStatus } from "../../src/market/block.ts";
import { calmWalkOf, labelledRows, rowsOf } from "../actors/support.ts";
import { HEADER, inFolder, linesOf, listed, run } from "./support.ts";
import { serve, served, type Serving } from "./serving.ts";

const SEED = Number(Deno.env.get("WICK_SEED") ?? Math.floor(Math.random() * 2 ** 31));
console.log(`serve_process_test seed ${SEED} (WICK_SEED=${SEED} repeats it)`);

const S = "EUR_USD:M1";
const WALK = calmWalkOf(SEED, S, 400);

/** Candles of the walk as NDJSON. */
function lines(from: number, to: number, series = S): string[] {
  return Array.from({ length: to - from }, (_, i) => {
    const at = (column: "ts" | "open" | "high" | "low" | "close" | "volume") =>
      WALK[column][from + i] as number;
    return JSON.stringify({
      series,
      ts: at("ts"),
      open: at("open"),
      high: at("high"),
      low: at("low"),
      close: at("close"),
      volume: at("volume"),
    });
  });
}

interface Page {
  readonly seq: number;
  readonly source: string;
  readonly rows: readonly Record<string, unknown>[];
}

/** The labels that it has of the walk, without what says when they were written. */
async function labelsOf(service: Serving, more = ""): Promise<Record<string, unknown>[]> {
  const page = await service.json<Page>(`/api/labels?series=${S}&limit=10000${more}`);
  return page.rows.map(({ seq: _seq, revision: _revision, ...row }) => row);
}

/** The rows with a final half that the pure labeler gives for the first candles of the walk. */
function expectedRows(count: number, params = DEFAULT_PARAMS): Record<string, unknown>[] {
  const rows = labelledRows(rowsOf(WALK, 0, count), params);
  return Array.from(rows.ts.keys())
    .filter((row) =>
      rows.tbStatus[row] === LabelStatus.final || rows.fhStatus[row] === LabelStatus.final
    )
    .map((row) => ({ ...rowObject(rows, row) }));
}

interface Reply {
  readonly accepted: number;
  readonly commit: { readonly seq: number; readonly candles: number };
}

/** Pushes candles that must be committed. */
async function push(service: Serving, from: number, to: number): Promise<Reply> {
  const answer = await service.post("/api/candles", lines(from, to));
  const text = await answer.text();
  assertEquals(answer.status, 200, text);
  const reply = JSON.parse(text);
  assertEquals(reply.accepted, to - from);
  return reply;
}

Deno.test("serve takes candles, gives their labels, drains at SIGTERM, and finds all again", () =>
  inFolder(async (folder) => {
    {
      await using service = await served({ folder, words: ["--json"] });
      await push(service, 0, 200);
      const { commit } = await push(service, 200, 300);
      assertEquals(commit.candles, 100);
      assertEquals(await labelsOf(service), expectedRows(300));
      // As of the first commit: what the first 200 candles say.
      assertEquals(await labelsOf(service, `&asOf=${commit.seq - 1}`), expectedRows(200));
      const other = { ...DEFAULT_PARAMS, horizon: 24 };
      const page = await service.json<Page>(`/api/labels?series=${S}&limit=10000&horizon=24`);
      const all = labelledRows(rowsOf(WALK, 0, 300), other);
      assertEquals(page.source, "computed");
      assertEquals(page.rows, Array.from(all.ts.keys(), (row) => ({ ...rowObject(all, row) })));
      assertEquals(await service.end("SIGTERM"), 0);
      assertMatch(service.text.err, /stopping: no new work, committing what was taken/);
      assertMatch(
        service.text.err,
        /wick serve: stopped: 300 candles committed since the start\n$/,
      );
      const data = `${folder}/data`;
      assertEquals(service.lines, [
        { state: "ready", url: service.url, data },
        {
          state: "stopped",
          detail: "300 candles committed since the start",
          exitCode: 0,
        },
      ]);
    }
    await using again = await served({ folder });
    assertEquals(await labelsOf(again), expectedRows(300));
    await push(again, 300, 400);
    assertEquals(await labelsOf(again), expectedRows(400));
    assertEquals(await again.end("SIGINT"), 0);
  }));

/** A push that the service has begun to read (it said 100 Continue), and whose body does not end. */
async function endlessPush(url: string): Promise<Deno.Conn> {
  const { hostname, port } = new URL(url);
  const socket = await Deno.connect({ hostname, port: Number(port) });
  const head = [
    "POST /api/candles HTTP/1.1",
    `Host: ${hostname}:${port}`,
    "Content-Type: application/x-ndjson",
    "Content-Length: 1000",
    "Expect: 100-continue",
  ];
  await socket.write(new TextEncoder().encode(`${head.join("\r\n")}\r\n\r\n`));
  const answer = new Uint8Array(1_024);
  const read = await socket.read(answer) ?? 0;
  assertMatch(new TextDecoder().decode(answer.subarray(0, read)), /^HTTP\/1\.1 100 /);
  await socket.write(new TextEncoder().encode(`${lines(150, 151)[0]}\n`));
  return socket;
}

Deno.test("serve says at the first SIGTERM what it drains, and the second one stops it at once", () =>
  inFolder(async (folder) => {
    {
      await using service = await served({ folder });
      await push(service, 0, 150);
      // A push whose body does not end: the service waits for it for some seconds.
      using _open = await endlessPush(service.url);
      service.child.kill("SIGTERM");
      await service.until("err", "stopping: no new work");
      assertMatch(
        service.text.err,
        /committing what was taken \(no batch under way, 150 candles committed\), at most 10 s/,
      );
      await service.until("err", "still stopping: requests end");
      const startMs = performance.now();
      assertEquals(await service.end("SIGTERM"), 130);
      assert(performance.now() - startMs < 1_000);
      assertMatch(service.text.err, /wick serve: stopped at once/);
    }
    await using again = await served({ folder });
    assertEquals(await labelsOf(again), expectedRows(150));
    assertEquals(await again.end("SIGTERM"), 0);
  }));

Deno.test("serve that is killed keeps every candle that it acknowledged, once", () =>
  inFolder(async (folder) => {
    let sent = 0;
    // The push that was under way when it was killed: whether it was acknowledged.
    let last: Promise<boolean> | null = null;
    /** What it holds now is what is counted from. */
    const holdsAll = async (service: Serving) => {
      const { series } = await service.json<{ series: { count: number }[] }>("/api/series");
      const count = series[0]?.count ?? 0;
      // What was under way is there whole, or comes again.
      const most = last === null ? sent : sent + 10;
      assert(count === sent || count === most, `${count} candles, ${sent} were acknowledged`);
      if (await last) assertEquals(count, most);
      sent = count;
      assertEquals(await labelsOf(service), expectedRows(sent));
    };
    for (let kills = 0; kills < 3; kills++) {
      await using service = await served({ folder });
      await holdsAll(service);
      for (let i = 0; i < 5; i++) {
        await push(service, sent, sent + 10);
        sent += 10;
      }
      last = push(service, sent, sent + 10).then(() => true, () => false);
      await service.end("SIGKILL");
    }
    await using service = await served({ folder });
    await holdsAll(service);
    await push(service, sent - 10, sent);
    assertEquals(await labelsOf(service), expectedRows(sent));
    const seen = await streamed(service, expectedRows(sent).length);
    assertEquals(new Set(seen.map(({ seq, row }) => `${seq}-${row}`)).size, seen.length);
    await service.end("SIGTERM");
  }));

interface Line {
  readonly type: string;
  readonly seq: number;
  readonly row: number;
  readonly ts: number;
}

/** Rows of the label stream from its beginning, until so many times have been seen. */
async function streamed(service: Serving, times: number): Promise<Line[]> {
  const answer = await service.get("/api/labels/stream?after=0");
  assert(answer.ok && answer.body !== null);
  const found: Line[] = [];
  const seen = new Set<number>();
  let rest = "";
  for await (const text of answer.body.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    for (const part of parts) {
      const line = JSON.parse(part) as Line;
      if (line.type !== "label") continue;
      found.push(line);
      seen.add(line.ts);
    }
    if (seen.size >= times) break;
  }
  return found;
}

Deno.test("serve leaves data that another process has alone, and exits with 75", () =>
  inFolder(async (folder) => {
    await using first = await served({ folder });
    await push(first, 0, 50);
    await using second = serve({ folder });
    assertEquals(await second.code(), 75);
    assertMatch(second.text.err, /^wick serve: Cannot open .*wick\.db: .*another process has it/m);
    assertEquals(await labelsOf(first), expectedRows(50));
    assertEquals(await first.end("SIGTERM"), 0);
  }));

Deno.test("serve on a port that is taken says so, exits with 75, and leaves no data", () =>
  inFolder(async (folder) => {
    await using first = await served({ folder });
    const { port } = new URL(first.url);
    await Deno.mkdir(`${folder}/other`);
    await using second = serve({ folder: `${folder}/other`, port: Number(port) });
    assertEquals(await second.code(), 75);
    assertMatch(
      second.text.err,
      new RegExp(`^wick serve: Cannot listen on 127.0.0.1:${port}: `, "m"),
    );
    assertEquals(listed(`${folder}/other`), []);
    assertEquals(await first.end("SIGTERM"), 0);
  }));

Deno.test("serve reads a file that is a feed to its end, and goes on where it was", () =>
  inFolder(async (folder) => {
    const rowOf = (i: number) =>
      [WALK.ts, WALK.open, WALK.high, WALK.low, WALK.close, WALK.volume]
        .map((column) => column[i]).join(",") + `,${S}\n`;
    const header = HEADER.replace("\n", ",series\n");
    const file = `${folder}/candles.csv`;
    const write = (to: number) =>
      Deno.writeTextFile(file, header + Array.from({ length: to }, (_, i) => rowOf(i)).join(""));
    for (const count of [150, 400]) {
      await write(count);
      await using service = await served({ folder, words: ["--feed", file] });
      for (let seen = 0; seen < count;) {
        const { series } = await service.json<{ series: { count: number }[] }>("/api/series");
        seen = series[0]?.count ?? 0;
      }
      assertEquals(await labelsOf(service), expectedRows(count));
      assertEquals(await service.end("SIGTERM"), 0);
    }
  }));

Deno.test("serve answers its own commands: status, tree, tail, backup", () =>
  inFolder(async (folder) => {
    await using service = await served({ folder });
    await push(service, 0, 100);
    const url = ["--url", service.url];
    const status = await run(["status", "--json", ...url]);
    assertEquals([status.code, status.err], [0, ""]);
    const tree = await run(["tree", ...url]);
    assertEquals(tree.code, 0);
    for (const part of ["store", "label_pool", "worker-0", "live", "monitor", "admin"]) {
      assert(tree.out.includes(part), tree.out);
    }
    const backup = await run(["backup", `${folder}/data/copy.db`, ...url]);
    assertEquals(backup.code, 0, backup.err);
    assertGreater((await Deno.stat(`${folder}/data/copy.db`)).size, 1_000);
    const health = await service.json<{ state: string; parts: { name: string }[] }>("/api/health");
    assertEquals(health.state, "ok", JSON.stringify(health));
    const text = await (await service.get("/metrics")).text();
    assert(linesOf(text).some((line) => /^wick_\w+(\{.*\})? \d/.test(line)), text.slice(0, 500));
    assertEquals(await service.end("SIGTERM"), 0);
  }));

Deno.test("serve knows the instruments of its file, and keeps those that are put over HTTP", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(
      `${folder}/instruments.csv`,
      "symbol,asset_class,sector,price_digits\nACME,equity,tools,2\n",
    );
    const config = { instrumentsFile: `${folder}/instruments.csv`, labelHorizon: 12 };
    await Deno.writeTextFile(`${folder}/wick.json`, JSON.stringify(config));
    const words = ["--config", `${folder}/wick.json`];
    const sectors = async (service: Serving) => {
      type Listed = { instruments: { symbol: string; sector: string | null }[] };
      const { instruments } = await service.json<Listed>("/api/instruments");
      return Object.fromEntries(instruments.map(({ symbol, sector }) => [symbol, sector]));
    };
    const put = (service: Serving, symbol: string, sector: string) =>
      fetch(`${service.url}/api/instruments/${symbol}`, {
        method: "PUT",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ sector }),
      }).then(async (answer) => assertEquals(answer.status, 200, await answer.text()));
    {
      await using service = await served({ folder, words });
      assertMatch(service.text.err, /settings from .*wick\.json/);
      assertEquals(await sectors(service), { ACME: "tools" });
      await put(service, "OTHER", "toys");
      await push(service, 0, 100);
      const expected = expectedRows(100, { ...DEFAULT_PARAMS, horizon: 12 });
      assertEquals(await labelsOf(service), expected);
      assertEquals(await service.end("SIGTERM"), 0);
    }
    await using service = await served({ folder, words });
    assertEquals(await sectors(service), { ACME: "tools", OTHER: "toys" });
    assertEquals(await service.end("SIGTERM"), 0);
    await Deno.writeTextFile(`${folder}/instruments.csv`, "symbol,asset_class\nACME,nonsense\n");
    await using wrong = serve({ folder, words });
    assertEquals(await wrong.code(), 2);
    assertMatch(wrong.text.err, /^wick serve: .*instruments\.csv.*asset/im);
  }));

Deno.test("a stream may begin at any commit that a push was answered with", () =>
  inFolder(async (folder) => {
    await using service = await served({ folder });
    for (let at = 0; at < 60; at += 5) {
      // The first of these commits have no label yet.
      const { commit } = await push(service, at, at + 5);
      const answer = await service.get(`/api/labels/stream?after=${commit.seq}`);
      assertEquals(answer.status, 200);
      await answer.body?.cancel();
    }
    assertEquals(await service.end("SIGTERM"), 0);
  }));
