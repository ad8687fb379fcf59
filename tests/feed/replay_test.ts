/** Replay: candles at the speed of their own time. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { systemClock, VirtualClock } from "../../src/actor/clock.ts";
import { fileSource, type FileSourceOptions } from "../../src/feed/file_source.ts";
import { type FeedBatch, FeedError, type FeedSource } from "../../src/feed/port.ts";
import { REPLAY_SPEED_MAX, replaySource } from "../../src/feed/replay.ts";
import { testFeed } from "./conformance.ts";
import { CALM } from "./support.ts";

const HEADER = "ts,open,high,low,close,volume,series\n";
const MINUTE_MS = 60_000;

const line = (minute: number, series = "EUR_USD:M1") =>
  `${minute * MINUTE_MS},1,2,0.5,1.5,3,${series}\n`;

/** A replay under a clock that the test moves. */
class Replay {
  readonly clock = new VirtualClock();
  source: FeedSource;
  /** Open times with the moment in which each came, ms. */
  readonly came: [minute: number, atMs: number][] = [];
  readonly cursors: string[] = [];
  #reading: Promise<void> | null = null;
  #isDone = false;

  constructor(readonly options: FileSourceOptions) {
    this.source = fileSource(this.clock, options);
  }

  /** Reads for `ms` of the clock; a read that did not answer by then goes on in the next run. */
  async run(ms: number): Promise<void> {
    const untilMs = this.clock.now() + ms;
    while (this.clock.now() < untilMs && !this.#isDone) {
      this.#reading ??= this.source.read(CALM).then((batch) => {
        this.#reading = null;
        if (batch !== null) this.#keep(batch);
      });
      this.#reading.catch(() => {});
      // A millisecond passes in the time that the file system takes for a few answers, busy or not.
      for (let turn = 0; turn < 3 && this.#reading !== null; turn++) await Deno.stat(".");
      if (this.#reading !== null) this.clock.advance(1);
    }
  }
  #keep(batch: FeedBatch): void {
    this.#isDone = batch.done;
    this.cursors.push(batch.cursor);
    for (const { ts } of batch.blocks) {
      for (const time of ts) this.came.push([time / MINUTE_MS, this.clock.now()]);
    }
  }
  async close(): Promise<void> {
    const closing = this.source.close();
    let isClosed = false;
    closing.then(() => isClosed = true);
    while (!isClosed) {
      await Deno.stat(".");
      this.clock.advance(1);
    }
  }
}

async function withFile(text: string, run: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempFile({ prefix: "wick_replay_", suffix: ".csv" });
  try {
    await Deno.writeTextFile(path, text);
    await run(path);
  } finally {
    await Deno.remove(path);
  }
}

/** Each row came when it was due, give or take what reads and the test's own turns take. */
function assertDue(came: [number, number][], due: readonly [minute: number, atMs: number][]) {
  assertEquals(came.map(([minute]) => minute), due.map(([minute]) => minute));
  const [, startMs] = came[0] as [number, number];
  came.forEach(([minute, atMs], i) => {
    const dueMs = (due[i] as [number, number])[1];
    const lateMs = atMs - startMs - dueMs;
    assert(Math.abs(lateMs) <= 30, `minute ${minute} came ${lateMs} ms late`);
  });
}

Deno.test("fileSource() with speed 60 passes a minute of candles in a second", async () => {
  await withFile(HEADER + [0, 1, 2, 5].map((m) => line(m)).join(""), async (path) => {
    const replay = new Replay({ path, speed: 60 });
    await replay.source.open(null);
    await replay.run(10_000);
    assertDue(replay.came, [[0, 0], [1, 1_000], [2, 2_000], [5, 5_000]]);
    await replay.close();
  });
});

Deno.test("fileSource() with speed keeps rows of several series together by their time", async () => {
  const text = [0, 1, 2].flatMap((m) => [line(m), line(m, "USD_JPY:M1")]).join("");
  await withFile(HEADER + text, async (path) => {
    const replay = new Replay({ path, speed: 600 });
    await replay.source.open(null);
    await replay.run(5_000);
    const due: [number, number][] = [[0, 0], [0, 0], [1, 100], [1, 100], [2, 200], [2, 200]];
    assertDue(replay.came, due);
    await replay.close();
  });
});

Deno.test("fileSource() with speed sends a late row with those before it", async () => {
  await withFile(HEADER + [5, 6, 2, 7].map((m) => line(m)).join(""), async (path) => {
    const replay = new Replay({ path, speed: 60 });
    await replay.source.open(null);
    await replay.run(5_000);
    assertDue(replay.came, [[5, 0], [6, 1_000], [2, 1_000], [7, 2_000]]);
    await replay.close();
  });
});

Deno.test("fileSource() with speed has cursors exact to the row", async () => {
  const minutes = Array.from({ length: 12 }, (_, i) => i);
  await withFile(HEADER + minutes.map((m) => line(m)).join(""), async (path) => {
    const whole = new Replay({ path, speed: 600 });
    await whole.source.open(null);
    await whole.run(10_000);
    assertEquals(whole.came.map(([minute]) => minute), minutes);
    assert(whole.cursors.length >= 12, `${whole.cursors.length} batches`);
    for (const cursor of whole.cursors) {
      const other = new Replay({ path, speed: 600 });
      await other.source.open(cursor);
      await other.run(10_000);
      const rows = Number(cursor.split(":")[3]);
      assertEquals(other.came.map(([minute]) => minute), minutes.slice(rows));
      // Time began anew: what was missed is not made up for.
      if (rows < 11) assertDue(other.came, minutes.slice(rows).map((m) => [m, 100 * (m - rows)]));
      await other.close();
    }
    await whole.close();
  });
});

Deno.test("fileSource() with speed makes up for a pause by a second at most", async () => {
  const minutes = Array.from({ length: 40 }, (_, i) => i);
  await withFile(HEADER + minutes.map((m) => line(m)).join(""), async (path) => {
    const replay = new Replay({ path, speed: 600 });
    await replay.source.open(null);
    await replay.run(250);
    assertEquals(replay.came.length, 3);
    replay.clock.advance(60_000);
    await replay.run(30);
    // A second at 600 minutes a minute is ten rows, not six hundred.
    const made = replay.came.length - 3;
    assert(made >= 10 && made <= 13, `${made} rows`);
    await replay.close();
  });
});

Deno.test("fileSource() with speed loses nothing when reads are aborted", async () => {
  const minutes = Array.from({ length: 30 }, (_, i) => i);
  await withFile(HEADER + minutes.map((m) => line(m)).join(""), async (path) => {
    await using source = fileSource(systemClock, { path, speed: 60_000 });
    await source.open(null);
    const found: number[] = [];
    for (let isDone = false; !isDone;) {
      const controller = new AbortController();
      const reading = source.read(controller.signal);
      const timer = setTimeout(() => controller.abort(new Error("enough")), 1);
      const batch = await reading.catch(() => null);
      clearTimeout(timer);
      for (const { ts } of batch?.blocks ?? []) for (const t of ts) found.push(t / MINUTE_MS);
      isDone = batch?.done ?? false;
    }
    assertEquals(found, minutes);
  });
});

Deno.test("fileSource() with speed and follow replays what is appended", async () => {
  await withFile(HEADER + line(0) + line(1), async (path) => {
    const replay = new Replay({ path, speed: 60, follow: true, pollMs: 5 });
    await replay.source.open(null);
    await replay.run(1_500);
    assertEquals(replay.came.map(([minute]) => minute), [0, 1]);
    await Deno.writeTextFile(path, line(2) + line(3), { append: true });
    await replay.run(3_000);
    assertEquals(replay.came.map(([minute]) => minute), [0, 1, 2, 3]);
    assertEquals(replay.source.detail?.().speed, 60);
    await replay.close();
  });
});

Deno.test("replaySource() waits for no gap longer than it is told", async () => {
  await withFile(HEADER + [0, 1, 5_000, 5_001].map((m) => line(m)).join(""), async (path) => {
    const clock = new VirtualClock();
    const lines = fileSource(clock, { path, rowsMax: 1 });
    const replay = new Replay({ path });
    replay.source = replaySource(replay.clock, lines, { speed: 60, gapMaxMs: 3 * MINUTE_MS });
    await replay.source.open(null);
    await replay.run(10_000);
    assertDue(replay.came, [[0, 0], [1, 1_000], [5_000, 4_000], [5_001, 5_000]]);
    await replay.close();
  });
});

Deno.test("replaySource() wants a speed above 0 and within its bound", () => {
  for (const speed of [0, -1, NaN, Infinity, REPLAY_SPEED_MAX * 2]) {
    assertThrows(
      () => fileSource(systemClock, { path: "x", speed }),
      FeedError,
      "expected a speed above 0",
    );
  }
});

const folder = Deno.makeTempDirSync({ prefix: "wick_replay_" });
addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
const path = `${folder}/candles.csv`;
Deno.writeTextFileSync(
  path,
  HEADER + Array.from(
    { length: 600 },
    (_, i) =>
      i % 37 === 0 ? `no candle ${i}\n` : line(i, i % 3 === 0 ? "EUR_USD:M1" : "USD_JPY:M1"),
  ).join(""),
);

testFeed({
  name: "replaySource() of candles.csv",
  create: () =>
    replaySource(systemClock, fileSource(systemClock, { path, rowsMax: 1 }), {
      speed: REPLAY_SPEED_MAX,
      gapMaxMs: 10,
      rowsMax: 64,
    }),
  rowsMax: 64,
});
