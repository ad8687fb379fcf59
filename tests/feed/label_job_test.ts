/** Files in and out (bytes, gzip, damage) and one file's way from candles to labels. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { gzipSync } from "node:zlib";
import { systemClock } from "../../src/actor/clock.ts";
import { fileBytes, FileError, fileSink } from "../../src/feed/file_bytes.ts";
import { type LabelJob, type LabelProgress, runLabelJob } from "../../src/feed/label_job.ts";
import { LabelFormatter } from "../../src/label/format.ts";
import { labelParams } from "../../src/label/params.ts";
import { blockOf, type CandleRow, Chance, labelAll, SEED, walk } from "../label/support.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);

function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

async function inFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await run(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function readAll(path: string): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of fileBytes(path)) text += decoder.decode(chunk, { stream: true });
  return text + decoder.decode();
}

/** Not repetitive: flipping a bit of its gzip data changes it. */
function noise(): string {
  const chance = new Chance(SEED);
  return Array.from({ length: 60_000 }, () => String(chance.int(0, 1e9))).join(",");
}

Deno.test("fileBytes() reads plain files, gzip and gzip of several members", () =>
  inFolder(async (folder) => {
    const path = `${folder}/data`;
    const text = noise();
    const half = text.length >> 1;
    const members = joined(
      gzipSync(bytesOf(text.slice(0, half))),
      gzipSync(bytesOf(text.slice(half))),
    );
    const contents = [bytesOf(text), gzipSync(bytesOf(text)), members];
    for (const content of [...contents, joined(members, new Uint8Array(512))]) {
      await Deno.writeFile(path, content);
      assertEquals(await readAll(path), text);
    }
    for (const empty of ["", "x"]) {
      await Deno.writeTextFile(path, empty);
      assertEquals(await readAll(path), empty);
    }
  }));

Deno.test("fileBytes() lends one piece of memory for a plain file when it may, never for gzip", () =>
  inFolder(async (folder) => {
    const bytes = new Uint8Array(600_000).map((_, i) => i * 7 % 251);
    await Deno.writeFile(`${folder}/plain`, bytes);
    await Deno.writeFile(`${folder}/packed`, gzipSync(bytes));
    for (const name of ["plain", "packed"]) {
      const buffers = new Set<ArrayBufferLike>();
      const copy: number[] = [];
      for await (const chunk of fileBytes(`${folder}/${name}`, { lend: true })) {
        buffers.add(chunk.buffer);
        for (const byte of chunk) copy.push(byte);
      }
      assertEquals(Uint8Array.from(copy), bytes);
      if (name === "plain") assertEquals(buffers.size, 1);
    }
  }));

Deno.test("fileBytes() says damaged for gzip cut short anywhere, changed, or followed by more", () =>
  inFolder(async (folder) => {
    const path = `${folder}/data.gz`;
    const gzip = Uint8Array.from(gzipSync(bytesOf(noise())));
    const flipped = (at: number) => gzip.map((byte, i) => i === at ? byte ^ 4 : byte);
    const damaged: Record<string, Uint8Array> = {
      "without the last byte": gzip.subarray(0, -1),
      "without size": gzip.subarray(0, -4),
      "without checksum": gzip.subarray(0, -8),
      "half": gzip.subarray(0, gzip.length >> 1),
      "header only": gzip.subarray(0, 10),
      "magic only": gzip.subarray(0, 2),
      "wrong checksum": flipped(gzip.length - 6),
      "wrong size": flipped(gzip.length - 2),
      "wrong bit": flipped(gzip.length >> 1),
      "garbage after": joined(gzip, bytesOf("garbage")),
      "second member cut": joined(gzip, gzip.subarray(0, 300)),
      "second member barely begun": joined(gzip, gzip.subarray(0, 1)),
    };
    for (const [what, content] of Object.entries(damaged)) {
      await Deno.writeFile(path, content);
      const error = await assertRejects(() => readAll(path), FileError, "damaged", what);
      assertEquals(error.code, "damaged", what);
    }
  }));

Deno.test("fileBytes() says what a path is that is no file", () =>
  inFolder(async (folder) => {
    const missing = await assertRejects(() => readAll(`${folder}/none`), FileError);
    assertEquals(missing.code, "not_found");
    const directory = await assertRejects(() => readAll(folder), FileError);
    assertEquals(directory.code, "directory");
  }));

Deno.test("fileBytes() closes the file when iteration ends early or is aborted", () =>
  inFolder(async (folder) => {
    // The leak sanitizer of the test run is what checks that.
    for (const pack of [(bytes: Uint8Array) => bytes, gzipSync]) {
      const path = `${folder}/data`;
      await Deno.writeFile(path, Uint8Array.from(pack(bytesOf(noise()))));
      for await (const chunk of fileBytes(path)) {
        assert(chunk.length > 0);
        break;
      }
      const controller = new AbortController();
      await assertRejects(
        async () => {
          for await (const _ of fileBytes(path, { signal: controller.signal })) {
            controller.abort(new Error("enough"));
          }
          controller.signal.throwIfAborted();
        },
        Error,
        "enough",
      );
    }
  }));

Deno.test("fileSink() shows a file when it is finished, whole, and leaves nothing else", () =>
  inFolder(async (folder) => {
    const path = `${folder}/out`;
    await Deno.writeTextFile(path, "before");
    const sink = await fileSink(path, `${path}.tmp`);
    await sink.write(bytesOf("after"));
    assertEquals(await Deno.readTextFile(path), "before");
    await sink.finish();
    await sink.discard();
    assertEquals(await Deno.readTextFile(path), "after");
    const dropped = await fileSink(path, `${path}.tmp`);
    await dropped.write(bytesOf("never"));
    await dropped.discard();
    await dropped.discard();
    assertEquals(await Deno.readTextFile(path), "after");
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["out"]);
  }));

function csvOf(rows: readonly CandleRow[]): string {
  return "ts,open,high,low,close,volume\n" + rows.map((row) => `${row.join(",")}\n`).join("");
}

function jobOf(folder: string, given: Partial<LabelJob> = {}): LabelJob {
  return {
    input: `${folder}/in.csv`,
    output: { path: `${folder}/out.csv`, temporaryPath: `${folder}/out.csv.tmp` },
    format: "csv",
    params: labelParams(),
    levels: null,
    finer: null,
    ...given,
  };
}

function context(onProgress: (progress: LabelProgress) => void = () => {}) {
  return { clock: systemClock, signal: new AbortController().signal, onProgress };
}

/** Labels by the way that has no files, threads or slices. */
function expectedCsv(rows: readonly CandleRow[]): string {
  const formatter = new LabelFormatter("csv");
  const labels = formatter.rows(labelAll(blockOf(rows), labelParams()));
  return new TextDecoder().decode(formatter.header()) + new TextDecoder().decode(labels);
}

Deno.test("runLabelJob() writes what the labeler says, however long the file is", () =>
  inFolder(async (folder) => {
    for (const count of [0, 1, 7, 4_096, 4_097, 30_000]) {
      const rows = walk(new Chance(SEED + count), count);
      await Deno.writeTextFile(`${folder}/in.csv`, csvOf(rows));
      const seen: LabelProgress[] = [];
      const report = await runLabelJob(jobOf(folder), context((now) => seen.push(now)));
      assertEquals(report.outcome, { state: "done" });
      assertEquals(report.writtenRows, count);
      assertEquals(await Deno.readTextFile(`${folder}/out.csv`), expectedCsv(rows));
      const written = seen.map(({ writtenRows }) => writtenRows);
      assertEquals(written, written.toSorted((a, b) => a - b));
      assertEquals(seen.at(-1)?.writtenRows, count);
      assertEquals(seen.at(-1)?.readBytes, (await Deno.stat(`${folder}/in.csv`)).size);
    }
  }));

Deno.test("runLabelJob() puts rows in order, the last one of a time counting", () =>
  inFolder(async (folder) => {
    const rows = walk(new Chance(SEED), 20_000);
    const shuffled = [...rows];
    const chance = new Chance(SEED + 1);
    for (let i = 0; i < 500; i++) {
      const [row] = shuffled.splice(chance.int(0, shuffled.length), 1) as [CandleRow];
      shuffled.splice(chance.int(0, shuffled.length), 0, row);
    }
    // An earlier, wrong word on a candle that comes later.
    const last = shuffled.at(-1) as CandleRow;
    shuffled.unshift([last[0], 1, 1, 1, 1, 1]);
    await Deno.writeTextFile(`${folder}/in.csv`, csvOf(shuffled));
    const report = await runLabelJob(jobOf(folder), context());
    assertEquals(report.input.duplicates, 1);
    assert(report.input.unordered > 100);
    assertEquals(await Deno.readTextFile(`${folder}/out.csv`), expectedCsv(rows));
  }));

Deno.test("runLabelJob() refuses more rows than its bound, and several series", () =>
  inFolder(async (folder) => {
    const rows = walk(new Chance(SEED), 11);
    await Deno.writeTextFile(`${folder}/in.csv`, csvOf(rows));
    const many = await runLabelJob(jobOf(folder, { rowsMax: 10 }), context());
    assertEquals(many.outcome, {
      state: "refused",
      message: `${folder}/in.csv: Cannot read candles: expected at most 10 rows in a file: ` +
        "it has more",
    });
    assertEquals((await runLabelJob(jobOf(folder, { rowsMax: 11 }), context())).writtenRows, 11);
    const two = "ts,open,high,low,close,volume,series\n1,1,1,1,1,1,A:H1\n1,1,1,1,1,1,B:H1\n";
    await Deno.writeTextFile(`${folder}/in.csv`, two);
    const { outcome } = await runLabelJob(jobOf(folder), context());
    assertEquals(outcome.state, "refused");
    assert("message" in outcome && outcome.message.includes("one series in a file"));
    assert("message" in outcome && outcome.message.includes("A:H1 and B:H1"));
  }));

Deno.test("runLabelJob() ends where its signal is aborted and leaves nothing", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/in.csv`, csvOf(walk(new Chance(SEED), 60_000)));
    for (const phase of ["reading", "writing"]) {
      const controller = new AbortController();
      const report = await runLabelJob(jobOf(folder), {
        clock: systemClock,
        signal: controller.signal,
        onProgress: ({ labelRows, writtenRows }) => {
          if (phase === "reading" ? labelRows === null : writtenRows > 0) controller.abort();
        },
      });
      assertEquals(report.outcome.state, "cancelled", phase);
      assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["in.csv"], phase);
    }
  }));
