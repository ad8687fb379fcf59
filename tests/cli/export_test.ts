/**
 * Exports from a served admin app, read back by other implementations: Parquet by parquet-wasm
 * (Rust), Arrow by parquet-wasm's arrow-rs, and both again by hyparquet.
 */

import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { tableFromIPC, TimeUnit, Type } from "@uwdata/flechette";
import { parquetMetadata, parquetReadObjects } from "hyparquet";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { readParquet, Table, writeParquet } from "parquet-wasm/node";
import { dataColumns, type JsonRow, rowsOf } from "../../src/cli/export_columns.ts";
import { ServiceError } from "../../src/cli/service_client.ts";
import { COLUMNS } from "../../src/label/format.ts";
import { candleLines, type Served, served } from "../http/support.ts";
import { inFolder, linesOf, listed, type Ran, readText, run } from "./support.ts";

const SERIES = ["EUR_USD:H1", "GBP_USD:H1"];

async function push({ url }: Served, lines: readonly string[]): Promise<void> {
  const body = `${lines.join("\n")}\n`;
  const headers = { "content-type": "application/x-ndjson" };
  const response = await fetch(`${url}/api/candles`, { method: "POST", headers, body });
  assertEquals([response.status, (await response.json()).refused], [200, 0]);
}

/** A service that holds labels of two series, some with a second revision. */
async function filled(): Promise<Served> {
  const at = await served();
  for (const [index, series] of SERIES.entries()) {
    const lines = candleLines(300 + index, { series, seed: 5 + index });
    await push(at, lines);
    const corrected = JSON.parse(lines[150] as string);
    await push(at, [JSON.stringify({ ...corrected, high: corrected.high + 0.01 })]);
  }
  return at;
}

/** Stored rows as the service answers them. */
async function storedRows({ url }: Served, series: string): Promise<JsonRow[]> {
  const response = await fetch(`${url}/api/labels?series=${series}&limit=10000`);
  return (await response.json()).rows;
}

function exported(at: Served, ...words: string[]): Promise<Ran> {
  return run(["export", "--url", at.url, ...words]);
}

/** A cell as a test compares it: bigints as numbers, dates as ms. */
function plain(value: unknown): unknown {
  if (value instanceof Date) return value.getTime();
  return typeof value === "bigint" ? Number(value) : value ?? null;
}

async function assertCells(
  rows: readonly Record<string, unknown>[],
  at: Served,
): Promise<void> {
  let index = 0;
  for (const series of SERIES) {
    for (const expected of await storedRows(at, series)) {
      const row = rows[index++] ?? {};
      assertEquals(plain(row.series), series);
      for (const name of [...COLUMNS, "revision", "seq"]) {
        assertEquals(plain(row[name]), expected[name] ?? null, `${series} ${index} ${name}`);
      }
    }
  }
  assertEquals(rows.length, index);
  assert(rows.some(({ revision }) => plain(revision) === 1));
}

/** What tells the types of columns apart. */
function typesOf({ fields }: { readonly fields: readonly { name: string; type: object }[] }) {
  const told = ["typeId", "unit", "timezone", "bitWidth", "signed"];
  return Object.fromEntries(
    fields.map(({ name, type }) => [
      name,
      Object.fromEntries(Object.entries(type).filter(([key]) => told.includes(key))),
    ]),
  );
}

Deno.test("export --format parquet reads back cell by cell in Rust and JavaScript", async () => {
  await using at = await filled();
  await inFolder(async (folder) => {
    const file = join(folder, "labels.parquet");
    const { code, err } = await exported(at, "--series", SERIES.join(","), "--out", file);
    assertEquals(code, 0, err);
    const bytes = Deno.readFileSync(file);
    const wasm = readParquet(bytes);
    const table = tableFromIPC(wasm.intoIPCStream(), { useDate: false });
    await assertCells(table.toArray(), at);
    await assertCells(await parquetReadObjects({ file: bytes.buffer }), at);
    const types = typesOf(table.schema);
    assertEquals(types.ts, { typeId: Type.Timestamp, unit: TimeUnit.MILLISECOND, timezone: "UTC" });
    assertEquals(types.label, { typeId: Type.Int, bitWidth: 8, signed: true });
    assertEquals(types.bars, { typeId: Type.Int, bitWidth: 16, signed: true });
    assertEquals(types.seq, { typeId: Type.Int, bitWidth: 64, signed: true });
    assertEquals(types.tb_status, { typeId: Type.Utf8 });
    const written = parquetMetadata(bytes.buffer).key_value_metadata ?? [];
    const metadata = Object.fromEntries(written.map(({ key, value }) => [key, value]));
    assertEquals(metadata["wick.series"], SERIES.join(","));
    assertEquals(metadata["wick.rows"], String(table.numRows));
    assert(err.includes(`fingerprint ${metadata["wick.fingerprint"]}`));
    assertEquals(listed(folder), ["labels.parquet"]);
  });
});

Deno.test("export --format arrow reads back cell by cell in Rust", async () => {
  await using at = await filled();
  await inFolder(async (folder) => {
    const file = join(folder, "labels.arrow");
    const { code, err } = await exported(at, "--series", SERIES.join(","), "--out", file);
    assertEquals(code, 0, err);
    const bytes = Deno.readFileSync(file);
    // After the eight bytes of its magic an IPC file is a stream; arrow-rs reads it, and what it
    // writes as Parquet is read by a third program.
    const parquet = writeParquet(Table.fromIPCStream(bytes.subarray(8)));
    await assertCells(await parquetReadObjects({ file: parquet.slice().buffer }), at);
    const table = tableFromIPC(bytes);
    await assertCells(table.toArray(), at);
    const types = typesOf(table.schema);
    assertEquals(types.ts, { typeId: Type.Timestamp, unit: TimeUnit.MILLISECOND, timezone: "UTC" });
    assertEquals(types.label, { typeId: Type.Int, bitWidth: 8, signed: true });
    assertEquals([types.hit?.typeId, types.series?.typeId], [Type.Dictionary, Type.Dictionary]);
    assertMatch(table.schema.metadata?.get("wick.fingerprint") ?? "", /^sha256:[0-9a-f]{64}$/);
  });
});

Deno.test("export --format csv and ndjson equal what wick label writes for the candles", async () => {
  await using at = await filled();
  await inFolder(async (folder) => {
    const series = SERIES[1] as string;
    const candles = join(folder, "candles.csv");
    await exported(at, "--kind", "candles", "--series", series, "--out", candles);
    assertEquals(linesOf(readText(candles))[0], "ts,open,high,low,close,volume");
    for (const format of ["csv", "ndjson"]) {
      const labelled = join(folder, `labelled.${format}`);
      await run(["label", candles, "--format", format, "--out", labelled]);
      const file = join(folder, `exported.${format}`);
      assertEquals((await exported(at, "--series", series, "--out", file)).code, 0);
      // The service holds rows that have a final half; those after them are still open.
      const expected = linesOf(readText(labelled)).filter((line) => /ts,close|final/.test(line));
      assertEquals(linesOf(readText(file)), expected);
      assert(expected.length > 200);
    }
  });
});

Deno.test("export of other parameters is computed, equals wick label, and has no commit", async () => {
  await using at = await filled();
  await inFolder(async (folder) => {
    const series = SERIES[0] as string;
    const params = ["--horizon", "12", "--up", "1.5", "--vertical", "sign"];
    const candles = join(folder, "candles.csv");
    await exported(at, "--kind", "candles", "--series", series, "--out", candles);
    const labelled = join(folder, "labelled.csv");
    await run(["label", candles, ...params, "--out", labelled]);
    const file = join(folder, "exported.csv");
    const { code } = await exported(at, "--series", series, ...params, "--out", file);
    assertEquals(code, 0);
    assertEquals(readText(file), readText(labelled));
    const metadata = JSON.parse(readText(`${file}.meta.json`));
    assertEquals(JSON.parse(metadata["wick.params"]), { horizon: 12, up: 1.5, vertical: "sign" });
    assertEquals(metadata["wick.as_of"], undefined);
  });
});

Deno.test("the fingerprint is that of parameters and rows, whatever the format and the pages", async () => {
  await using at = await filled();
  await inFolder(async (folder) => {
    const prints: string[] = [];
    for (const format of ["csv", "ndjson", "parquet", "arrow"]) {
      const file = join(folder, `labels.${format}`);
      const { out } = await exported(at, "--series", SERIES.join(","), "--out", file, "--json");
      const report = JSON.parse(out);
      assertEquals([report.file, report["wick.format"]], [file, format]);
      assertEquals(report.bytes, Deno.statSync(file).size);
      prints.push(report["wick.fingerprint"]);
    }
    const hash = createHash("sha256");
    const paramHash = (await (await fetch(`${at.url}/api/labels?series=${SERIES[0]}`)).json())
      .paramHash;
    hash.update(`${JSON.stringify({ from: null, kind: "labels", paramHash, to: null })}\n`);
    for (const series of SERIES) {
      const { out } = await exported(at, "--series", series);
      hash.update(`${series}\n${linesOf(out).slice(1).map((line) => `${line}\n`).join("")}`);
    }
    assertEquals(new Set(prints), new Set([`sha256:${hash.digest("hex")}`]));
  });
});

Deno.test("export cuts ranges at --from and --to and names the series of several", async () => {
  await using at = await filled();
  const [from, to] = [1_700_000_000_000 + 50 * 3_600_000, "2023-11-17T05:00:00Z"];
  const { out, code } = await exported(
    at,
    ...["--series", SERIES.join(","), "--from", String(from), "--to", to, "--revisions"],
  );
  assertEquals(code, 0);
  const [header, ...lines] = linesOf(out);
  assertEquals(header, ["series", ...COLUMNS, "revision", "seq"].join(","));
  const times = lines.map((line) => Number(line.split(",")[1]));
  assertEquals(Math.min(...times), from);
  assert(times.every((ts) => ts < Date.parse(to)));
  assertEquals(lines.length, 2 * times.filter((ts, i) => times.indexOf(ts) === i).length);
});

Deno.test("export reads all pages as of the commit of the first", async () => {
  const asked: URL[] = [];
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
    const url = new URL(request.url);
    asked.push(url);
    const page = Number(url.searchParams.get("cursor") ?? 0);
    const rows = [{ ts: page, open: 1, high: 2, low: 1, close: 2, volume: page }];
    return Response.json({
      series: url.searchParams.get("series"),
      seq: 40 + asked.length,
      next: page < 2 ? String(page + 1) : null,
      rows,
    });
  });
  const url = `http://127.0.0.1:${(server.addr as Deno.NetAddr).port}`;
  const words = ["export", "--kind", "candles", "--series", SERIES.join(","), "--url", url];
  const { out, err, code } = await run(words);
  assertEquals(code, 0);
  assertEquals(linesOf(out).length, 1 + 6);
  assertEquals(asked.map(({ searchParams }) => searchParams.get("asOf")), [
    null,
    ...Array(5).fill("41"),
  ]);
  assertMatch(err, /6 rows, \d+ B, as of commit 41/);
});

Deno.test("export without rows writes files that other readers open", async () => {
  await using at = await served();
  await inFolder(async (folder) => {
    for (const format of ["parquet", "arrow"]) {
      const file = join(folder, `none.${format}`);
      const { code, err } = await exported(at, "--series", "EUR_USD:H1", "--out", file);
      assertEquals(code, 0, err);
      assertMatch(err, /0 rows/);
      const bytes = Deno.readFileSync(file);
      const table = format === "parquet"
        ? readParquet(bytes)
        : Table.fromIPCStream(bytes.subarray(8));
      const names = tableFromIPC(table.intoIPCStream()).schema.fields.map(({ name }) => name);
      assertEquals(names, ["series", ...COLUMNS, "revision", "seq"]);
    }
  });
});

Deno.test("export leaves no file behind when the service fails on the way", async () => {
  let pages = 0;
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, () => {
    if (pages++ > 0) return Response.json({ detail: "no room", status: 503 }, { status: 503 });
    const rows = [{ ts: 0, open: 1, high: 2, low: 1, close: 2, volume: 1 }];
    return Response.json({ series: "A:H1", seq: 1, next: "1", rows });
  });
  const url = `http://127.0.0.1:${(server.addr as Deno.NetAddr).port}`;
  await inFolder(async (folder) => {
    for (const format of ["csv", "parquet"]) {
      pages = 0;
      const file = join(folder, `candles.${format}`);
      const words = ["--kind", "candles", "--series", "A:H1", "--out", file, "--url", url];
      const { code, err } = await run(["export", ...words]);
      assertEquals(code, 75);
      assertMatch(err, /^wick export: .*\(503\)/);
      assertEquals(listed(folder), []);
    }
  });
});

Deno.test("export refuses what it cannot mean before it asks the service", async () => {
  const cases: [string[], RegExp][] = [
    [[], /expected --series with 1 to 10000/],
    [["--series", "EURUSD"], /expected INSTRUMENT:GRANULARITY/],
    [["--series", "A:H1,A:H1"], /A:H1 is given twice/],
    [["--series", "A:H1", "--format", "parquet"], /Cannot write parquet to standard output/],
    [
      ["--series", "A:H1", "--out", "x.xlsx"],
      /expected --format or a name that ends with \.parquet/,
    ],
    [["--series", "A:H1", "--from", "yesterday"], /Cannot use --from: expected an ISO date/],
    [["--series", "A:H1", "--as-of", "-1"], /needs a value/],
    [["--series", "A:H1", "--as-of", "1.5"], /Cannot use --as-of: expected a commit/],
    [["--series", "A:H1", "--kind", "candles", "--up", "3"], /candles have no parameters/],
    [["--series", "A:H1", "--format", "parket"], /did you mean parquet\?/],
  ];
  for (const [words, message] of cases) {
    const { code, err } = await run(["export", "--url", "http://127.0.0.1:1", ...words]);
    assertEquals(code, 2, err);
    assertMatch(err, message);
  }
});

Deno.test("export refuses rows that are not of the columns' types", async () => {
  const good = { ts: 0, open: 1, high: 2, low: 1, close: 2, volume: 1 };
  const bad: Record<string, unknown>[] = [{ ts: null }, { close: "2" }, { volume: true }, {
    ts: [1],
  }];
  for (const change of bad) {
    const rows = [good, { ...good, ...change }];
    await using server = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen() {} },
      () => Response.json({ series: "A:H1", seq: 1, next: null, rows }),
    );
    const url = `http://127.0.0.1:${(server.addr as Deno.NetAddr).port}`;
    const { code, err } = await run(
      ["export", "--kind", "candles", "--series", "A:H1", "--url", url],
    );
    assertEquals(code, 1);
    assertMatch(err, /Cannot read the rows of the service: expected another \w+: current value is/);
  }
  const columns = dataColumns("labels");
  const text = assertThrows(
    () => rowsOf(columns, [{ ts: 0, tb_status: "odd" }], "A:H1"),
    ServiceError,
  );
  assertMatch(text.message, /expected another tb_status: current value is "odd"/);
});

Deno.test("dataColumns() of labels are those of wick label", () => {
  assertEquals(dataColumns("labels").map(({ name }) => name), [...COLUMNS]);
});
