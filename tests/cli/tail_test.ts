/** `wick tail`: every row once, over however many connections. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { VirtualClock } from "../../src/actor/clock.ts";
import { runCommand } from "../../src/cli/main.ts";
import { COLUMNS } from "../../src/label/format.ts";
import { candleLines, type Served, served } from "../http/support.ts";
import { fakeIo, linesOf, PARTS, type Ran, run } from "./support.ts";

function tail(url: string, ...words: string[]): Promise<Ran> {
  return run(["tail", "--url", url, ...words]);
}

async function push({ url }: Served, lines: readonly string[]): Promise<void> {
  const headers = { "content-type": "application/x-ndjson" };
  const body = `${lines.join("\n")}\n`;
  const response = await fetch(`${url}/api/candles`, { method: "POST", headers, body });
  await response.json();
  assertEquals(response.status, 200);
}

Deno.test("tail prints the log after a commit as NDJSON, CSV and text", async () => {
  await using one = await served();
  const lines = candleLines(40);
  await push(one, lines.slice(0, 30));
  await push(one, lines.slice(30));
  const json = await tail(one.url, "--after", "0", "--count", "20", "--json");
  assertEquals(json.code, 0);
  const rows = linesOf(json.out).map((line) => JSON.parse(line));
  assertEquals(rows.length, 20);
  assertEquals(new Set(rows.map(({ seq, row }) => `${seq}-${row}`)).size, 20);
  assertEquals(rows.map(({ seq }) => seq), rows.map(({ seq }) => seq).sort((a, b) => a - b));
  const after = rows[7];
  const rest = await tail(
    one.url,
    "--after",
    `${after.seq}-${after.row}`,
    "--count",
    "12",
    "--json",
  );
  assertEquals(linesOf(rest.out), linesOf(json.out).slice(8));
  const csv = linesOf((await tail(one.url, "--after", "0", "--count", "3", "--format", "csv")).out);
  assertEquals(csv[0], ["series", "seq", "revision", "removed", ...COLUMNS].join(","));
  const cells = csv[1]?.split(",") ?? [];
  assertEquals([cells[0], cells[1], cells[3], cells[4]], [
    "EUR_USD:H1",
    "1",
    "false",
    `${rows[0].ts}`,
  ]);
  assertEquals(csv.length, 4);
  const text = await tail(one.url, "--after", "0", "--count", "3", "--format", "text");
  assertMatch(text.out, /^EUR_USD:H1 {3}2023-11-\d\d \d\d:\d\d(:\d\d)? {2}[+-]?[01] \w+ after \d/m);
});

Deno.test("tail prints only the series asked for, and what comes from now on by default", async () => {
  await using one = await served();
  await push(one, candleLines(40));
  const interrupt = new AbortController();
  let seen = "";
  const io = fakeIo({
    interrupted: interrupt.signal,
    out: (text) => {
      seen += text;
      if (linesOf(seen).length === 5) interrupt.abort(new Error("interrupted"));
      return true;
    },
  });
  const words = ["tail", "--url", one.url, "--series", "GBP_USD:H1"];
  const code = runCommand(words, PARTS, io);
  while (one.service.wakers === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await push(one, candleLines(30, { series: "EUR_USD:H1", seed: 9, fromTs: 1_800_000_000_000 }));
  await push(one, candleLines(30, { series: "GBP_USD:H1" }));
  assertEquals(await code, 130);
  const rows = linesOf(seen).map((line) => JSON.parse(line));
  assertEquals(new Set(rows.map(({ series }) => series)), new Set(["GBP_USD:H1"]));
  assertEquals(rows[0].seq, 3);
});

const HEALTH = {
  name: "wick",
  version: "1",
  state: "ok",
  ready: true,
  seq: 4,
  parts: [],
  score: null,
};

/** A stream that breaks off after every third line; its second answer is that it is busy. */
async function breaking(total: number) {
  const asked: (string | null)[] = [];
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "", "http://localhost");
    if (pathname === "/api/health") return void response.end(JSON.stringify(HEALTH));
    const after = searchParams.get("after");
    asked.push(after);
    if (asked.length === 2) return void response.writeHead(503).end("busy");
    // What follows on commit SEQ, or on row ROW of it.
    const [seq = 0, row = 1] = (after ?? "0").split("-").map(Number);
    const first = 2 * (seq - 5) + row + 1;
    const lines = Array.from(
      { length: 3 },
      (_, i) =>
        first + i < total
          ? JSON.stringify(rowOf(first + i))
          : `{"type":"heartbeat","seq":${4 + total / 2}}`,
    );
    response.write(`${lines.join("\n")}\n`, () => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    asked,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Row number `index` of the log, two to a commit, after commit 4. */
function rowOf(index: number) {
  const empty = Object.fromEntries(COLUMNS.map((name) => [name, null]));
  const flags = { adj: 0, gap: 0, amb: 0, tb_status: "pending", fh_status: "final" };
  return {
    type: "label",
    seq: 5 + Math.floor(index / 2),
    row: index % 2,
    at: 0,
    series: "A:H1",
    paramHash: "0",
    revision: 0,
    removed: false,
    ...empty,
    ...flags,
    ts: index,
  };
}

Deno.test("tail goes on where it was after lost connections, with growing pauses", async () => {
  await using stream = await breaking(10);
  const { asked, url } = stream;
  const clock = new VirtualClock();
  let out = "";
  const io = fakeIo({ clock, out: (text) => ((out += text), true) });
  const code = runCommand(["tail", "--url", url, "--count", "10", "--json"], PARTS, io);
  let isOver = false;
  void code.then(() => isOver = true);
  const pauses: number[] = [];
  while (!isOver) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    const waiting = /trying again in ([\d.]+) s/.exec(linesOf(io.text.err).at(-1) ?? "");
    if (waiting === null || io.text.err.split("trying").length - 1 === pauses.length) continue;
    pauses.push(Number(waiting[1]));
    clock.advance(Number(waiting[1]) * 1_000);
  }
  assertEquals(await code, 0, io.text.err);
  assertEquals(linesOf(out).map((line) => JSON.parse(line).ts), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  // The second connection was refused: the pause after it is twice as long; each row makes it short.
  assertEquals(asked, ["4", "6-0", "6-0", "7-1", "9-0"]);
  assertEquals(pauses, [1, 2, 1, 1]);
});

Deno.test("tail says what is no longer kept, and exits with 1", async () => {
  await using one = await served();
  await push(one, candleLines(40));
  one.service.oldestSeq = 1;
  const { code, err } = await tail(one.url, "--after", "0");
  assertEquals(code, 1);
  assertMatch(err, /^wick tail: .*1/);
});

Deno.test("tail that never reached the service exits with 69 at once", async () => {
  const { code, err } = await tail("http://127.0.0.1:1", "--after", "0");
  assertEquals(code, 69);
  assert(!err.includes("trying again"));
});

Deno.test("tail ends quietly when nobody reads its output", async () => {
  await using one = await served();
  await push(one, candleLines(40));
  const io = fakeIo({ out: () => false });
  assertEquals(await runCommand(["tail", "--url", one.url, "--after", "0"], PARTS, io), 0);
  assertEquals(io.text.err, "");
});

Deno.test("tail refuses a cursor and series that are none", async () => {
  for (
    const [words, message] of [
      [["--after", "x"], /Cannot use --after: expected SEQ or SEQ-ROW/],
      [["--series", "A"], /expected INSTRUMENT:GRANULARITY/],
    ] as const
  ) {
    const { code, err } = await tail("http://127.0.0.1:1", ...words);
    assertEquals(code, 2);
    assertMatch(err, message);
  }
});
