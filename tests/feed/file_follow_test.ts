/** Following a file as `tail -F` does: growth, truncation, replacement, and exact cursors. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { gzipSync } from "node:zlib";
import { seededRandom, VirtualClock } from "../../src/actor/clock.ts";
import { fileSource, type FileSourceOptions } from "../../src/feed/file_source.ts";
import { type FeedBatch, FeedError, type FeedSource } from "../../src/feed/port.ts";
import { CALM, receivedIn } from "./support.ts";

const SEED = Number(Deno.env.get("WICK_SEED") ?? Math.floor(Math.random() * 2 ** 31));
console.log(`file_follow_test seed ${SEED} (WICK_SEED=${SEED} repeats it)`);

const HEADER = "ts,open,high,low,close,volume\n";
const SERIES = "EUR_USD:H1";
const POLL_MS = 50;

/** By how much the clock of a test moves at a time. */
const STEP_MS = 5;

const line = (i: number) => `${i * 3_600_000},1,2.5,0.5,${1 + i / 1_000},${i}\n`;
const linesOf = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => line(from + i)).join("");
const timesOf = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => (from + i) * 3_600_000);

/** A followed file under a clock that the test moves. */
class Followed {
  readonly clock = new VirtualClock();
  readonly batches: FeedBatch[] = [];
  #source: FeedSource;

  constructor(readonly path: string, readonly options: Partial<FileSourceOptions> = {}) {
    this.#source = this.#make();
  }

  #make(): FeedSource {
    const options = { series: SERIES, follow: true, pollMs: POLL_MS, ...this.options };
    return fileSource(this.clock, { path: this.path, ...options });
  }

  get source(): FeedSource {
    return this.#source;
  }
  get cursor(): string | null {
    return this.batches.at(-1)?.cursor ?? null;
  }
  /** Open times of all rows so far. */
  get times(): number[] {
    return this.batches.flatMap(({ blocks }) => blocks.flatMap(({ ts }) => [...ts]));
  }
  get notes(): string[] {
    return this.batches.flatMap(({ notes }) => notes ?? []);
  }

  open(cursor: string | null = null): Promise<void> {
    return this.#source.open(cursor);
  }
  /** Another source, as after a restart, at the cursor of the last batch. */
  async reopen(cursor = this.cursor): Promise<void> {
    await this.close();
    this.#source = this.#make();
    await this.open(cursor);
  }
  /** Reads until nothing comes. */
  async drain(): Promise<void> {
    for (;;) {
      const batch = await this.#moved(this.#source.read(CALM));
      if (batch === null) return;
      this.batches.push(batch);
    }
  }
  async close(): Promise<void> {
    await this.#moved(this.#source.close());
  }
  /** Lets time pass until it settles. */
  async #moved<T>(work: Promise<T>): Promise<T> {
    let isSettled = false;
    const done = work.finally(() => isSettled = true);
    done.catch(() => {});
    while (!isSettled) await this.step();
    return await done;
  }
  /** Some ms pass in the time that the file system takes for a few answers, busy or not. */
  async step(): Promise<void> {
    for (let i = 0; i < 3; i++) await Deno.stat(".");
    this.clock.advance(STEP_MS);
  }
}

function testFollow(
  name: string,
  run: (file: Followed) => Promise<void>,
  options: Partial<FileSourceOptions> = {},
): void {
  Deno.test(`fileSource() that follows ${name}`, async () => {
    const folder = await Deno.makeTempDir({ prefix: "wick_follow_" });
    const file = new Followed(`${folder}/candles.csv`, options);
    try {
      await run(file);
      await file.close();
      assertEquals(file.clock.nextTimerAt(), Infinity);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

const write = (path: string, text: string) => Deno.writeTextFile(path, text);
/** In place and at once: at no time is the file shorter than it was. */
async function overwrite(path: string, text: string): Promise<void> {
  using file = await Deno.open(path, { write: true });
  const bytes = new TextEncoder().encode(text);
  assertEquals(await file.write(bytes), bytes.length);
}
const append = (path: string, text: string) => Deno.writeTextFile(path, text, { append: true });

testFollow("takes what is there and what is appended, and does not end", async (file) => {
  await write(file.path, HEADER + linesOf(0, 5));
  await file.open();
  await file.drain();
  assertEquals(file.times, timesOf(0, 5));
  await append(file.path, linesOf(5, 8));
  await file.drain();
  assertEquals(file.times, timesOf(0, 8));
  assertEquals([file.batches.some(({ done }) => done), file.notes], [false, []]);
});

testFollow("sees growth within a look and a linger", async (file) => {
  await write(file.path, HEADER + linesOf(0, 1));
  await file.open();
  await file.drain();
  await append(file.path, linesOf(1, 2));
  const before = file.clock.now();
  const reading = file.source.read(CALM);
  let isHere = false;
  reading.then(() => isHere = true);
  while (!isHere) await file.step();
  // A look, a linger, and what the file system takes: far from the second that a read may wait.
  const tookMs = file.clock.now() - before;
  assert(tookMs <= POLL_MS + 10 + 20 * STEP_MS, `${tookMs} ms`);
});

testFollow("takes a line when it has its end, and no sooner", async (file) => {
  await write(file.path, HEADER + linesOf(0, 2) + line(2).slice(0, 9));
  await file.open();
  await file.drain();
  assertEquals(file.times, timesOf(0, 2));
  const { cursor } = file;
  await append(file.path, line(2).slice(9, -1));
  await file.drain();
  assertEquals([file.times, file.cursor], [timesOf(0, 2), cursor]);
  await append(file.path, "\n");
  await file.drain();
  assertEquals(file.times, timesOf(0, 3));
  assertEquals(file.batches.flatMap(({ rejections }) => rejections), []);
});

testFollow("waits for a file that is not there, and says so", async (file) => {
  await file.open();
  await file.drain();
  assertEquals([file.batches, file.source.detail?.().isThere], [[], false]);
  await write(file.path, HEADER + linesOf(0, 2));
  await file.drain();
  assertEquals([file.times, file.source.detail?.().isThere], [timesOf(0, 2), true]);
});

testFollow("begins again when the file was truncated", async (file) => {
  await write(file.path, HEADER + linesOf(0, 50));
  await file.open();
  await file.drain();
  await write(file.path, HEADER + linesOf(100, 103));
  await file.drain();
  assertEquals(file.times, [...timesOf(0, 50), ...timesOf(100, 103)]);
  assertEquals(file.notes, [`the file ${file.path} has become shorter: it is read from its start`]);
  assertEquals(file.source.detail?.().restarts, 1);
});

testFollow("reads a file that was moved away to its end, then the new one", async (file) => {
  await write(file.path, HEADER + linesOf(0, 5));
  await file.open();
  await file.drain();
  await Deno.rename(file.path, `${file.path}.1`);
  // The writer still has the old one open.
  await append(`${file.path}.1`, linesOf(5, 7));
  await file.drain();
  assertEquals(file.times, timesOf(0, 7));
  await append(`${file.path}.1`, linesOf(7, 9));
  await write(file.path, HEADER + linesOf(20, 23));
  await file.drain();
  assertEquals(file.times, [...timesOf(0, 9), ...timesOf(20, 23)]);
  assertEquals(file.notes, [
    `the file ${file.path} was replaced by another: it is read from its start`,
  ]);
});

testFollow("begins again when the file was written anew in place, longer", async (file) => {
  await write(file.path, HEADER + linesOf(0, 5));
  await file.open();
  await file.drain();
  await overwrite(file.path, HEADER + linesOf(200, 230));
  await file.drain();
  assertEquals(file.times, [...timesOf(0, 5), ...timesOf(200, 230)]);
  assertEquals(file.notes.length, 1);
  assert(file.notes[0]?.includes("was written anew"));
});

testFollow("does not take the unfinished line of a file that was replaced", async (file) => {
  await write(file.path, HEADER + linesOf(0, 3) + "10800000,1,2.5,0.5,1.00");
  await file.open();
  await file.drain();
  await Deno.remove(file.path);
  await write(file.path, HEADER + linesOf(3, 4));
  await file.drain();
  assertEquals(file.times, timesOf(0, 4));
  assertEquals(file.batches.flatMap(({ rejections }) => rejections), []);
  assert(file.notes[0]?.includes("without the 23 bytes of a line that has no end"), file.notes[0]);
});

testFollow("goes on at any cursor with exactly what follows it", async (file) => {
  await write(file.path, HEADER + linesOf(0, 40));
  await file.open();
  await file.drain();
  const { batches } = file;
  assert(batches.length >= 4);
  await append(file.path, linesOf(40, 43));
  for (let i = 0; i < batches.length; i++) {
    const other = new Followed(file.path, file.options);
    await other.open((batches[i] as FeedBatch).cursor);
    await other.drain();
    const before = receivedIn(batches.slice(0, i + 1)).rows.get(SERIES)?.length ?? 0;
    assertEquals(other.times, timesOf(before, 43));
    assertEquals(other.notes, []);
    await other.close();
  }
}, { rowsMax: 9 });

testFollow("gives the lines of refused rows after a cursor", async (file) => {
  await write(file.path, HEADER + linesOf(0, 3));
  await file.open();
  await file.drain();
  await append(file.path, "bad\n" + linesOf(3, 4));
  await file.reopen();
  await file.drain();
  assertEquals(file.batches.flatMap(({ rejections }) => rejections.map((r) => r.line)), [5]);
});

for (
  const [what, change] of [
    ["was replaced", (path: string) => write(path, HEADER + linesOf(300, 340))],
    ["became shorter", (path: string) => write(path, HEADER + linesOf(0, 2))],
  ] as const
) {
  testFollow(`begins again at a cursor of a file that ${what} meanwhile`, async (file) => {
    await write(file.path, HEADER + linesOf(0, 20));
    await file.open();
    await file.drain();
    await file.close();
    await change(file.path);
    const { cursor } = file;
    file.batches.length = 0;
    await file.reopen(cursor);
    await file.drain();
    const expected = what === "was replaced" ? timesOf(300, 340) : timesOf(0, 2);
    assertEquals(file.times, expected);
    assert(file.notes[0]?.includes("is not that of the cursor any more"), file.notes[0]);
  });
}

testFollow(
  "goes on at the cursor of a file that was read to its end without following",
  async (file) => {
    await write(file.path, HEADER + linesOf(0, 4));
    await using plain = fileSource(file.clock, { path: file.path, series: SERIES });
    await plain.open(null);
    const last = await plain.read(CALM);
    assertEquals(last?.done, true);
    await append(file.path, linesOf(4, 6));
    await file.open(last?.cursor ?? null);
    await file.drain();
    assertEquals(file.times, timesOf(4, 6));
  },
);

testFollow("refuses gzip data and says why", async (file) => {
  await Deno.writeFile(file.path, gzipSync(HEADER + linesOf(0, 3)));
  await file.open();
  const error = await assertRejects(
    () => file.source.read(CALM),
    FeedError,
    "expected a plain file, since gzip data cannot be read on from its end",
  );
  assertEquals(error.code, "damaged");
});

testFollow("refuses a folder", async (file) => {
  await Deno.mkdir(file.path);
  await file.open();
  const error = await assertRejects(() => file.source.read(CALM), FeedError, "expected a file");
  assertEquals(error.code, "unreadable");
});

testFollow("loses and repeats nothing, however it is written and restarted", async (file) => {
  const random = seededRandom(SEED);
  const below = (n: number) => Math.floor(random.next() * n);
  await write(file.path, "");
  await file.open();
  const text = HEADER + linesOf(0, 400);
  for (let at = 0; at < text.length;) {
    const to = Math.min(text.length, at + 1 + below(random.next() < 0.2 ? 900 : 60));
    await append(file.path, text.slice(at, to));
    at = to;
    if (random.next() < 0.5) await file.drain();
    if (random.next() < 0.1) await file.reopen();
  }
  await file.drain();
  assertEquals(file.times, timesOf(0, 400));
  assertEquals(file.notes, []);
}, { rowsMax: 7 });

Deno.test("fileSource() that follows wants to look every 1 to 1,000 ms", () => {
  for (const pollMs of [0, 1_001, NaN]) {
    const options = { path: "x", follow: true, pollMs };
    assertThrows(() => fileSource(new VirtualClock(), options), FeedError, "every 1 to 1000 ms");
  }
});
